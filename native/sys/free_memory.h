// SPDX-License-Identifier: MIT
#pragma once

namespace aufs::sys {

// What a thread frees is for all threads from now on, rather than kept apart by the allocator for who frees or takes it on the same thread: otherwise
// a process whose threads free what others took grows, for hours, towards what all of them together had at their largest. To be called before
// there are threads. Does nothing where the C library knows no such thing (musl has one heap anyway).
void share_free_memory() noexcept;

// Gives the system back whole pages that the allocator of this process keeps for later. Takes milliseconds for each ten MiB; threads
// that allocate meanwhile wait for it.
void give_back_free_memory() noexcept;

}  // namespace aufs::sys
