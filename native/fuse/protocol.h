// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "base/result.h"
#include "fuse/wire.h"

namespace aufs::fuse {

// One request, checked: every length has been compared with the bytes that are there. A view: it is valid as long as the
// buffer that it was parsed from.
struct Request {
  wire::InHeader header{};
  std::span<const std::byte>
      operation;          // the fixed part that follows the header; may be shorter than the newest structure
  std::string_view name;  // first string of the request: a single component, or the name of an xattr
  std::string_view second;          // second string: new name of a rename, target of a symlink
  std::span<const std::byte> data;  // bytes of WRITE and IOCTL, value of SETXATTR, records of BATCH_FORGET

  wire::Opcode opcode() const noexcept { return static_cast<wire::Opcode>(header.opcode); }

  // The fixed part as a structure; what an older kernel did not send is zero.
  template <typename T>
  T as() const noexcept {
    T value{};
    std::memcpy(&value, operation.data(), std::min(sizeof value, operation.size()));
    return value;
  }
};

// What the handshake settled about the form of requests.
struct Dialect {
  bool setxattr_ext = true;  // SETXATTR has the long fixed part
};

// Reads one request as the kernel sends it. An opcode that this program does not know gives a request with header and
// `operation` only, for an ENOSYS reply.
// Errors: EPROTO if `bytes` is no request (then there is nothing to reply to); EINVAL if the header is good and the rest is
// not: `*header` is filled in, and a reply is due.
Result<Request> parse_request(std::span<const std::byte> bytes, Dialect dialect, wire::InHeader* header);

// The same of a request whose parts come apart, as over io_uring: what follows the header, and the strings and data behind that.
// Errors: EINVAL.
Result<Request> parse_request(const wire::InHeader& header, std::span<const std::byte> operation,
                              std::span<const std::byte> tail, Dialect dialect);

}  // namespace aufs::fuse
