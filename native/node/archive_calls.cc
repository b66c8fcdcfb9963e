// SPDX-License-Identifier: MIT
// Layers as tar archives, piece by piece: each call deals with one chunk on a pool thread.
#include <utility>
#include <vector>

#include "layer/picked_entries.h"
#include "node/archive_session.h"
#include "node/union_call.h"

namespace aufs::node {
namespace {

constexpr std::int64_t kNoLimit = 9007199254740991;  // Number.MAX_SAFE_INTEGER

Napi::Value number(Napi::Env env, std::uint64_t value) {
  return Napi::Number::New(env, static_cast<double>(value));
}

// Names bytes as a string where they are text.
void set_name(Napi::Env env, Napi::Object object, const char* key, const std::string& name) {
  if (name.empty()) return;
  object.Set(key, name);
  if (!is_utf8(name)) object.Set(std::string(key).append("Bytes"), to_buffer(env, name));
}

std::uint64_t limit_arg(const Napi::CallbackInfo& info, std::size_t index) {
  const std::int64_t limit = integer_arg(info, index);
  if (limit < 0 || limit > kNoLimit)
    throw Napi::RangeError::New(info.Env(), "a limit is a number of bytes or entries");
  return static_cast<std::uint64_t>(limit);
}

struct Chunks {
  Keep keep;
  std::vector<layer::Bytes> bytes;
};

Chunks chunks_arg(const Napi::CallbackInfo& info, std::size_t index) {
  if (!info[index].IsArray()) throw Napi::TypeError::New(info.Env(), "expected an array of Uint8Array");
  const auto array = info[index].As<Napi::Array>();
  Chunks chunks;
  for (std::uint32_t i = 0; i < array.Length(); i++) {
    const Napi::Value value = array.Get(i);
    if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
      throw Napi::TypeError::New(info.Env(), "expected an array of Uint8Array");
    }
    const auto bytes = value.As<Napi::Uint8Array>();
    chunks.bytes.push_back(layer::as_bytes(as_view(bytes)));
    chunks.keep.push_back(Napi::Persistent(value.As<Napi::Object>()));
  }
  return chunks;
}

// --- apply

Napi::Value apply_open(const Napi::CallbackInfo& info) {
  std::string diff = path_arg(info, 0);
  layer::ApplyOptions options;
  options.owner = boolean_arg(info, 1) ? layer::Owner::kExact : layer::Owner::kIfPermitted;
  options.refuse_repeated = boolean_arg(info, 2);
  options.need_end = boolean_arg(info, 3);
  options.record = boolean_arg(info, 4);
  options.max_bytes = limit_arg(info, 5);
  options.max_entries = limit_arg(info, 6);
  return async_call(
      info.Env(), {"apply", diff}, {}, [diff, options] { return layer::ApplyArchive::open(diff, options); },
      [](Napi::Env env, std::unique_ptr<layer::ApplyArchive> archive) -> Napi::Value {
        return wrap_handle(env, std::make_shared<ApplySession>(std::move(archive)));
      });
}

struct Applied {
  layer::ApplyArchive::Progress progress;
  layer::Applier::Counts counts;
  std::uint64_t size;
  std::string record;
};

Napi::Value applied_to_js(Napi::Env env, const Applied& applied) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("bytes", number(env, applied.progress.bytes));
  object.Set("entries", number(env, applied.progress.entries));
  object.Set("dropped", number(env, applied.counts.dropped));
  object.Set("replaced", number(env, applied.counts.replaced));
  object.Set("devices", number(env, applied.counts.devices));
  object.Set("attributes", number(env, applied.counts.attributes));
  object.Set("size", number(env, applied.size));
  object.Set("record", to_buffer(env, applied.record));
  return object;
}

// Runs `work(ApplyArchive&)` and tells how far the archive is; a failure says at which entry.
template <typename Work>
Napi::Value apply_call(const Napi::CallbackInfo& info, Keep keep, Work work) {
  auto session = unwrap_handle<ApplySession>(info, 0);
  const auto run = [session, work = std::move(work)] {
    return session->use([&](layer::ApplyArchive& archive) -> Result<Applied> {
      AUFS_CHECK(work(archive));
      return Applied{archive.progress(), archive.counts(), archive.size(), archive.take_record()};
    });
  };
  const auto explain = [session](Napi::Env env, Napi::Object failure) {
    set_name(env, failure, "entry",
             session->name([](const layer::ApplyArchive& archive) { return archive.entry(); }));
  };
  return async_call(info.Env(), {"apply"}, std::move(keep), run, applied_to_js, explain);
}

Napi::Value apply_write(const Napi::CallbackInfo& info) {
  Chunks chunks = chunks_arg(info, 1);
  return apply_call(
      info, std::move(chunks.keep),
      [bytes = std::move(chunks.bytes)](layer::ApplyArchive& archive) { return archive.feed(bytes); });
}

Napi::Value apply_end(const Napi::CallbackInfo& info) {
  return apply_call(info, {}, [](layer::ApplyArchive& archive) { return archive.end(); });
}

Napi::Value apply_close(const Napi::CallbackInfo& info) {
  unwrap_handle<ApplySession>(info, 0)->close();
  return info.Env().Undefined();
}

// --- produce

std::optional<std::int64_t> optional_integer_arg(const Napi::CallbackInfo& info, std::size_t index) {
  if (info[index].IsNull()) return std::nullopt;
  return integer_arg(info, index);
}

// From argument `index` on.
layer::ProduceOptions produce_options(const Napi::CallbackInfo& info, std::size_t index) {
  layer::ProduceOptions options;
  options.docker = boolean_arg(info, index);
  options.sparse = boolean_arg(info, index + 1);
  options.latest_time = optional_integer_arg(info, index + 2);
  return options;
}

Napi::Value produced_handle(Napi::Env env, std::unique_ptr<layer::ProduceArchive> archive) {
  return wrap_handle(env, std::make_shared<ProduceSession>(std::move(archive)));
}

Napi::Value produce_open(const Napi::CallbackInfo& info) {
  std::string diff = path_arg(info, 0);
  const layer::ProduceOptions options = produce_options(info, 1);
  return async_call(
      info.Env(), {"scandir", diff}, {},
      [diff, options] { return layer::ProduceArchive::open(diff, options); }, produced_handle);
}

// producePicked(diffs, paths, layers, …)
Napi::Value produce_picked(const Napi::CallbackInfo& info) {
  std::vector<std::string> diffs = path_list_arg(info, 0);
  std::vector<std::string> paths = path_list_arg(info, 1);
  const bool typed =
      info[2].IsTypedArray() && info[2].As<Napi::TypedArray>().TypedArrayType() == napi_int32_array;
  if (!typed || info[2].As<Napi::Int32Array>().ElementLength() != paths.size()) {
    throw Napi::TypeError::New(info.Env(), "expected an Int32Array with a number for each path");
  }
  const auto layers = info[2].As<Napi::Int32Array>();
  std::vector<layer::Pick> picks;
  picks.reserve(paths.size());
  for (std::size_t i = 0; i < paths.size(); ++i) picks.push_back({std::move(paths[i]), layers[i]});
  const layer::ProduceOptions options = produce_options(info, 3);
  using Archive = std::unique_ptr<layer::ProduceArchive>;
  return async_call(
      info.Env(), {"open"}, {},
      [diffs = std::move(diffs), picks = std::move(picks), options]() mutable -> Result<Archive> {
        AUFS_TRY(layer::PickedEntries entries, layer::PickedEntries::open(diffs, std::move(picks)));
        return std::make_unique<layer::ProduceArchive>(
            std::make_unique<layer::PickedEntries>(std::move(entries)), options);
      },
      produced_handle);
}

struct Produced {
  std::size_t bytes;
  std::uint64_t entries;
};

Napi::Value produced_to_js(Napi::Env env, const Produced& produced) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("bytes", number(env, produced.bytes));
  object.Set("entries", number(env, produced.entries));
  return object;
}

std::uint64_t entries_of(const layer::ProduceArchive& archive) {
  return archive.progress().entries;
}
std::uint64_t entries_of(const layer::AssembleArchive&) {
  return 0;
}

// Fills the buffer in argument 1.
template <typename Session, typename Archive>
Napi::Value read_call(const Napi::CallbackInfo& info) {
  auto session = unwrap_handle<Session>(info, 0);
  Napi::Uint8Array buffer = bytes_arg(info, 1);
  Keep keep;
  keep.push_back(Napi::Persistent(buffer.As<Napi::Object>()));
  const std::span<std::byte> into(reinterpret_cast<std::byte*>(buffer.Data()), buffer.ByteLength());
  const auto run = [session, into] {
    return session->use([&](Archive& archive) -> Result<Produced> {
      AUFS_TRY(const std::size_t bytes, archive.read(into));
      return Produced{bytes, entries_of(archive)};
    });
  };
  const auto explain = [session](Napi::Env env, Napi::Object failure) {
    set_name(env, failure, "entry", session->name([](const Archive& archive) { return archive.path(); }));
  };
  return async_call(info.Env(), {"read"}, std::move(keep), run, produced_to_js, explain);
}

Napi::Value produce_close(const Napi::CallbackInfo& info) {
  unwrap_handle<ProduceSession>(info, 0)->close();
  return info.Env().Undefined();
}

// --- assemble

Napi::Value assemble_open(const Napi::CallbackInfo& info) {
  std::string diff = path_arg(info, 0);
  return async_call(
      info.Env(), {"scandir", diff}, {}, [diff] { return layer::AssembleArchive::open(diff); },
      [](Napi::Env env, std::unique_ptr<layer::AssembleArchive> archive) -> Napi::Value {
        return wrap_handle(env, std::make_shared<AssembleSession>(std::move(archive)));
      });
}

// assembleBytes(handle, bytes)
Napi::Value assemble_bytes(const Napi::CallbackInfo& info) {
  auto session = unwrap_handle<AssembleSession>(info, 0);
  std::string bytes(as_view(bytes_arg(info, 1)));
  const Status added = session->use([&](layer::AssembleArchive& archive) -> Status {
    archive.add(std::move(bytes));
    return ok();
  });
  if (!added) throw make_failure(info.Env(), added.error(), {"archive"});
  return info.Env().Undefined();
}

// assembleFile(handle, name, size, crc)
Napi::Value assemble_file(const Napi::CallbackInfo& info) {
  auto session = unwrap_handle<AssembleSession>(info, 0);
  layer::AssembleArchive::Stored stored{path_arg(info, 1), limit_arg(info, 2),
                                        std::string(as_view(bytes_arg(info, 3)))};
  const Status added = session->use([&](layer::AssembleArchive& archive) -> Status {
    archive.add(std::move(stored));
    return ok();
  });
  if (!added) throw make_failure(info.Env(), added.error(), {"archive"});
  return info.Env().Undefined();
}

Napi::Value assemble_close(const Napi::CallbackInfo& info) {
  unwrap_handle<AssembleSession>(info, 0)->close();
  return info.Env().Undefined();
}

}  // namespace

void export_archives(Napi::Env env, Napi::Object exports) {
  exports.Set("applyOpen", Napi::Function::New(env, apply_open));
  exports.Set("applyWrite", Napi::Function::New(env, apply_write));
  exports.Set("applyEnd", Napi::Function::New(env, apply_end));
  exports.Set("applyClose", Napi::Function::New(env, apply_close));
  exports.Set("produceOpen", Napi::Function::New(env, produce_open));
  exports.Set("producePicked", Napi::Function::New(env, produce_picked));
  exports.Set("produceRead", Napi::Function::New(env, read_call<ProduceSession, layer::ProduceArchive>));
  exports.Set("produceClose", Napi::Function::New(env, produce_close));
  exports.Set("assembleOpen", Napi::Function::New(env, assemble_open));
  exports.Set("assembleBytes", Napi::Function::New(env, assemble_bytes));
  exports.Set("assembleFile", Napi::Function::New(env, assemble_file));
  exports.Set("assembleRead", Napi::Function::New(env, read_call<AssembleSession, layer::AssembleArchive>));
  exports.Set("assembleClose", Napi::Function::New(env, assemble_close));
}

}  // namespace aufs::node
