// SPDX-License-Identifier: MIT
#include "fuse/session.h"

#include <signal.h>

#include <cerrno>
#include <new>
#include <system_error>

#include "fuse/dispatch.h"
#include "sys/fuse_device.h"
#include "sys/process_control.h"

namespace aufs::fuse {
namespace {

// Of a thread's buffer: requests are read to its beginning. A request that asks for data is small, so that the data
// can be put behind it in the same buffer.
constexpr std::size_t kRequestHead = 4096;
constexpr std::size_t kBufferSize = kRequestHead + kMaxTransfer + kRequestHead;

constexpr int kInterrupt = SIGUSR1;

std::unique_ptr<std::byte[]> make_buffer() {
  return std::unique_ptr<std::byte[]>(new (std::nothrow)
                                          std::byte[kBufferSize]);  // untouched pages cost nothing
}

// True if reading can go on after this error; otherwise the connection is gone.
bool is_passing(int code) noexcept {
  return code == EINTR || code == ENOENT || code == EAGAIN;
}

}  // namespace

Session::Session(UniqueFd device, UnionFs& fs, MountSettings settings)
    : device_(std::move(device)), fs_(fs), settings_(std::move(settings)) {}

Session::~Session() {
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

Result<std::int32_t> Session::open_backing(int fd) {
  return sys::open_backing(device_.get(), fd);
}

void Session::close_backing(std::int32_t id) {
  [[maybe_unused]] const Status closed = sys::close_backing(device_.get(), id);
}

// Asks once, with a file that any kernel with passthrough takes, whether this process may.
const char* Session::probe_passthrough() {
  const Result<UniqueFd> probe = sys::memory_file("node-aufs-probe");
  if (!probe) return nullptr;
  const Result<std::int32_t> id = open_backing(probe->get());
  if (!id) return lasting_reason(id.error().code);
  close_backing(*id);
  return nullptr;
}

Status Session::shake_hands(bool want_passthrough) {
  const std::unique_ptr<std::byte[]> buffer = make_buffer();
  if (buffer == nullptr) return Error{ENOMEM, "malloc"};
  Result<std::size_t> got = Error{EINTR, "read"};
  while (!got && is_passing(got.error().code))
    got = sys::read_device(device_.get(), {buffer.get(), kBufferSize});
  if (!got) return got.error();
  wire::InHeader header;
  AUFS_TRY(const Request request, parse_request({buffer.get(), *got}, dialect_, &header));
  if (request.opcode() != wire::Opcode::kInit) return Error{EPROTO, "init"};
  Reply reply(device_.get(), header.unique);
  const Result<Handshake> handshake =
      fuse::shake_hands(request.as<wire::InitIn>(), {want_passthrough, settings_.revalidate});
  if (!handshake) {
    reply.fail(EPROTO);
    return handshake.error();
  }
  if (!reply.send_struct(handshake->reply)) return Error{ENOTCONN, "write"};
  const Negotiated& settled = handshake->negotiated;
  dialect_.setxattr_ext = settled.has(wire::kSetxattrExt);
  const bool possible = settled.has(wire::kPassthrough);
  const char* why_not =
      want_passthrough ? "this kernel has no passthrough (Linux 6.9)" : "switched off by an option";
  BackingRegistry* registry = possible ? this : nullptr;
  server_.emplace(fs_, settings_, settled, registry, why_not);
  if (const char* reason = possible ? probe_passthrough() : nullptr) server_->modes.give_up(reason);
  return ok();
}

Status Session::start(unsigned threads) {
  AUFS_TRY(finished_, sys::event_counter());
  sys::interrupting_signal(kInterrupt);
  clones_.reserve(threads);
  threads_.reserve(threads);
  for (unsigned index = 0; index < threads; ++index) {
    int device = device_.get();
    if (index > 0) {
      if (Result<UniqueFd> clone = sys::clone_fuse_device(device)) {
        device = clone->get();
        clones_.push_back(*std::move(clone));
      }
    }
    running_.fetch_add(1);
    try {
      threads_.emplace_back([this, device] { serve(device); });
    } catch (const std::system_error&) {
      running_.fetch_sub(1);
      break;
    }
  }
  return threads_.empty() ? Status(Error{EAGAIN, "pthread_create"}) : ok();
}

bool Session::stop(std::chrono::milliseconds patience) {
  using Clock = std::chrono::steady_clock;
  stopping_.store(true);
  // Again and again: a signal that comes just before a thread goes to read is lost.
  for (const auto deadline = Clock::now() + patience; running_.load() > 0;) {
    if (Clock::now() >= deadline) return false;
    for (std::thread& thread : threads_) sys::interrupt_thread(thread.native_handle(), kInterrupt);
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  return true;
}

void Session::serve(int device) noexcept {
  const std::unique_ptr<std::byte[]> buffer = make_buffer();
  // Without a umask of its own the thread would disturb the others; it is then better not to serve at all.
  const bool ready = buffer != nullptr && sys::separate_umask();
  while (ready && !stopping_.load(std::memory_order_relaxed)) {
    const Result<std::size_t> got = sys::read_device(device, {buffer.get(), kBufferSize});
    if (got) {
      answer({buffer.get(), kBufferSize}, *got, device);
    } else if (!is_passing(got.error().code)) {
      break;
    }
  }
  if (running_.fetch_sub(1) == 1) sys::count_event(finished_.get());
}

void Session::answer(std::span<std::byte> buffer, std::size_t length, int device) noexcept {
  wire::InHeader header{};
  const Result<Request> request = parse_request(buffer.first(length), dialect_, &header);
  if (!request && header.unique == 0) return;  // not even a header
  Reply reply(device, header.unique);
  if (!request) {
    reply.fail(request.error().code);
    return;
  }
  Call call{*server_, *request, reply, device, buffer.subspan(kRequestHead, kMaxTransfer)};
  dispatch(call);
}

}  // namespace aufs::fuse
