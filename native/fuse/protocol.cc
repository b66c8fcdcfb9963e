// SPDX-License-Identifier: MIT
#include "fuse/protocol.h"

#include <array>
#include <optional>

namespace aufs::fuse {
namespace {

// What follows the fixed part of a request.
enum class Tail : std::uint8_t {
  kNone,
  kComponent,      // one file name
  kTwoComponents,  // two file names
  kNameAndTarget,  // a file name and any string
  kAnyString,      // xattr name; the name of TMPFILE, which means nothing
  kWriteData,      // as many bytes as WriteIn::size says
  kXattr,          // a string, then as many bytes as SetxattrIn::size says
  kIoctlData,      // as many bytes as IoctlIn::in_size says
  kForgets,        // as many ForgetOne as BatchForgetIn::count says
};

struct Shape {
  std::uint16_t fixed = 0;    // bytes of the fixed part
  std::uint16_t minimum = 0;  // what the oldest kernel sends of it
  Tail tail = Tail::kNone;
};

template <typename T>
constexpr Shape shape(Tail tail = Tail::kNone, std::uint16_t minimum = sizeof(T)) {
  return {sizeof(T), minimum, tail};
}

constexpr std::array<std::optional<Shape>, wire::kOpcodeEnd> make_shapes() {
  using enum wire::Opcode;
  std::array<std::optional<Shape>, wire::kOpcodeEnd> table{};
  const auto set = [&table](wire::Opcode opcode, Shape value) {
    table[static_cast<std::size_t>(opcode)] = value;
  };
  set(kLookup, {0, 0, Tail::kComponent});
  set(kForget, shape<wire::ForgetIn>());
  set(kGetattr, shape<wire::GetattrIn>());
  set(kSetattr, shape<wire::SetattrIn>());
  set(kReadlink, {});
  set(kSymlink, {0, 0, Tail::kNameAndTarget});
  set(kMknod, shape<wire::MknodIn>(Tail::kComponent));
  set(kMkdir, shape<wire::MkdirIn>(Tail::kComponent));
  set(kUnlink, {0, 0, Tail::kComponent});
  set(kRmdir, {0, 0, Tail::kComponent});
  set(kRename, shape<wire::RenameIn>(Tail::kTwoComponents));
  set(kLink, shape<wire::LinkIn>(Tail::kComponent));
  set(kOpen, shape<wire::OpenIn>());
  set(kRead, shape<wire::ReadIn>());
  set(kWrite, shape<wire::WriteIn>(Tail::kWriteData));
  set(kStatfs, {});
  set(kRelease, shape<wire::ReleaseIn>());
  set(kFlush, shape<wire::FlushIn>());
  set(kFsync, shape<wire::FsyncIn>());
  set(kSetxattr, shape<wire::SetxattrIn>(Tail::kXattr));
  set(kGetxattr, shape<wire::GetxattrIn>(Tail::kAnyString));
  set(kListxattr, shape<wire::GetxattrIn>());
  set(kRemovexattr, {0, 0, Tail::kAnyString});
  set(kInit, shape<wire::InitIn>(Tail::kNone, 16));
  set(kOpendir, shape<wire::OpenIn>());
  set(kReaddir, shape<wire::ReadIn>());
  set(kReleasedir, shape<wire::ReleaseIn>());
  set(kFsyncdir, shape<wire::FsyncIn>());
  set(kCreate, shape<wire::CreateIn>(Tail::kComponent));
  set(kDestroy, {});
  set(kIoctl, shape<wire::IoctlIn>(Tail::kIoctlData));
  set(kBatchForget, shape<wire::BatchForgetIn>(Tail::kForgets));
  set(kFallocate, shape<wire::FallocateIn>());
  set(kReaddirplus, shape<wire::ReadIn>());
  set(kRename2, shape<wire::Rename2In>(Tail::kTwoComponents));
  set(kLseek, shape<wire::LseekIn>());
  set(kCopyFileRange, shape<wire::CopyFileRangeIn>());
  set(kTmpfile, shape<wire::CreateIn>(Tail::kAnyString));
  set(kStatx, shape<wire::StatxIn>());
  set(kCopyFileRange64, shape<wire::CopyFileRangeIn>());
  return table;
}
constexpr auto kShapes = make_shapes();

// The unread rest of a request; every take_* shortens it, or says that what is asked for is not there.
class Cursor {
 public:
  explicit Cursor(std::span<const std::byte> rest) : rest_(rest) {}

  std::optional<std::span<const std::byte>> take_bytes(std::size_t count) noexcept {
    if (count > rest_.size()) return std::nullopt;
    const auto taken = rest_.first(count);
    rest_ = rest_.subspan(count);
    return taken;
  }

  // A string up to and without its NUL; an empty one is as good as none.
  std::optional<std::string_view> take_string() noexcept {
    if (rest_.empty()) return std::nullopt;
    const void* end = std::memchr(rest_.data(), 0, rest_.size());
    if (end == nullptr || end == rest_.data()) return std::nullopt;
    const auto length = static_cast<std::size_t>(static_cast<const std::byte*>(end) - rest_.data());
    const std::string_view text(reinterpret_cast<const char*>(rest_.data()), length);
    rest_ = rest_.subspan(length + 1);
    return text;
  }

  std::optional<std::string_view> take_component() noexcept {
    const auto text = take_string();
    if (text && text->find('/') != std::string_view::npos) return std::nullopt;
    return text;
  }

 private:
  std::span<const std::byte> rest_;
};

template <typename T>
bool assign(T& to, const std::optional<T>& from) noexcept {
  if (!from) return false;
  to = *from;
  return true;
}

bool read_tail(Cursor& cursor, Tail tail, Request& request) noexcept {
  switch (tail) {
    case Tail::kNone: return true;
    case Tail::kComponent: return assign(request.name, cursor.take_component());
    case Tail::kTwoComponents:
      return assign(request.name, cursor.take_component()) && assign(request.second, cursor.take_component());
    case Tail::kNameAndTarget:
      return assign(request.name, cursor.take_component()) && assign(request.second, cursor.take_string());
    case Tail::kAnyString: return assign(request.name, cursor.take_string());
    case Tail::kWriteData: return assign(request.data, cursor.take_bytes(request.as<wire::WriteIn>().size));
    case Tail::kXattr:
      return assign(request.name, cursor.take_string()) &&
             assign(request.data, cursor.take_bytes(request.as<wire::SetxattrIn>().size));
    case Tail::kIoctlData:
      return assign(request.data, cursor.take_bytes(request.as<wire::IoctlIn>().in_size));
    case Tail::kForgets: {
      const std::size_t count = request.as<wire::BatchForgetIn>().count;
      return assign(request.data, cursor.take_bytes(count * sizeof(wire::ForgetOne)));
    }
  }
  return false;
}

std::optional<Shape> shape_of(const wire::InHeader& header, Dialect dialect) noexcept {
  std::optional<Shape> shape;
  if (header.opcode < wire::kOpcodeEnd) shape = kShapes[header.opcode];
  const bool setxattr = header.opcode == static_cast<std::uint32_t>(wire::Opcode::kSetxattr);
  if (setxattr && !dialect.setxattr_ext) shape->fixed = shape->minimum = 8;
  return shape;
}

Result<Request> read_parts(const wire::InHeader& header, std::span<const std::byte> operation,
                           std::span<const std::byte> tail, const std::optional<Shape>& shape) {
  Request request;
  request.header = header;
  request.operation = operation;
  if (!shape) return request;
  if (operation.size() < shape->minimum) return Error{EINVAL, "read"};
  request.operation = operation.first(std::min<std::size_t>(shape->fixed, operation.size()));
  Cursor cursor(tail);
  if (!read_tail(cursor, shape->tail, request)) return Error{EINVAL, "read"};
  return request;
}

}  // namespace

Result<Request> parse_request(std::span<const std::byte> bytes, Dialect dialect, wire::InHeader* header) {
  if (bytes.size() < sizeof(wire::InHeader)) return Error{EPROTO, "read"};
  wire::InHeader head;
  std::memcpy(&head, bytes.data(), sizeof head);
  if (head.len != bytes.size()) return Error{EPROTO, "read"};
  *header = head;
  const auto rest = bytes.subspan(sizeof head);
  const std::optional<Shape> shape = shape_of(head, dialect);
  const std::size_t cut = shape ? std::min<std::size_t>(shape->fixed, rest.size()) : rest.size();
  return read_parts(head, rest.first(cut), rest.subspan(cut), shape);
}

Result<Request> parse_request(const wire::InHeader& header, std::span<const std::byte> operation,
                              std::span<const std::byte> tail, Dialect dialect) {
  return read_parts(header, operation, tail, shape_of(header, dialect));
}

}  // namespace aufs::fuse
