// SPDX-License-Identifier: MIT
#include "fuse/control.h"

#include "fuse/json_line.h"
#include "sys/process_control.h"

namespace aufs::fuse {
namespace {

constexpr std::size_t kLongestLine = 4096;  // commands are a word or two; more is no owner of ours
constexpr int kPatienceMs = 5000;

}  // namespace

bool Control::receive() {
  char chunk[512];
  const Result<std::size_t> got = sys::read_some(fd_.get(), chunk, sizeof chunk);
  if (!got) return got.error().code == EAGAIN;
  if (*got == 0) return false;
  received_.append(chunk, *got);
  return received_.size() <= kLongestLine;
}

std::optional<std::string> Control::next_line() {
  const std::size_t end = received_.find('\n');
  if (end == std::string::npos) return std::nullopt;
  std::string line = received_.substr(0, end);
  received_.erase(0, end + 1);
  return line;
}

void Control::send(const std::string& line) noexcept {
  if (!fd_) return;
  [[maybe_unused]] const Status sent = sys::write_all(fd_.get(), line, kPatienceMs);
}

std::string failure_line(const Failure& failure) {
  JsonLine json;
  json.open('{').key("event").text("failed").key("code").text(failure.code);
  json.key("errno").number(static_cast<std::uint64_t>(failure.number));
  json.key("message").text(failure.message).key("path").text(failure.path).close('}');
  return std::move(json).take();
}

}  // namespace aufs::fuse
