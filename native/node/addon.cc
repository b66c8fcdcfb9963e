// SPDX-License-Identifier: MIT
#include <napi.h>

#include "node/union_call.h"

namespace {

// lib/binding.ts has the types of all of this.
Napi::Object init(Napi::Env env, Napi::Object exports) {
  aufs::node::export_union(env, exports);
  aufs::node::export_branches(env, exports);
  aufs::node::export_names(env, exports);
  aufs::node::export_attributes(env, exports);
  aufs::node::export_files(env, exports);
  aufs::node::export_layers(env, exports);
  aufs::node::export_archives(env, exports);
  aufs::node::export_system(env, exports);
  aufs::node::export_processes(env, exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(node_aufs, init)
