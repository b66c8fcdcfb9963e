{
  "includes": ["native/sources.gypi"],
  "variables": {
    # Warnings are errors in CI only (AUFS_WERROR=1), so that a user's compiler cannot break an install.
    "werror": "<!(node -p \"process.env.AUFS_WERROR ? '-Werror' : ''\")"
  },
  "target_defaults": {
    "include_dirs": ["native"],
    # node's common.gypi asks for C++17 without RTTI and exceptions; CMake's build and ours have them.
    "cflags!": ["-O3"],
    "cflags_cc!": ["-fno-rtti", "-fno-exceptions", "-std=gnu++17"],
    "cflags": ["-O2", "-fPIC", "-pthread", "-fstack-protector-strong", "-fvisibility=hidden"],
    "cflags_cc": ["-std=c++20", "-fexceptions", "-Wall", "-Wextra", "-Werror=unused-result", "<(werror)"],
    # libstdc++ inside: the binaries of a release run where the user's one is older.
    "ldflags": [
      "-pthread",
      "-static-libstdc++",
      "-static-libgcc",
      "-Wl,--exclude-libs,ALL",
      "-Wl,-z,relro,-z,now"
    ]
  },
  "targets": [
    {
      "target_name": "engine",
      "type": "static_library",
      "sources": ["<@(engine_files)"]
    },
    {
      "target_name": "node_aufs",
      "dependencies": [
        "engine",
        "<!(node -p \"require('node-addon-api').targets\"):node_addon_api_except"
      ],
      "defines": ["NAPI_VERSION=8", "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS"],
      "sources": ["<@(addon_files)"]
    },
    {
      "target_name": "node-aufs-fuse",
      "type": "executable",
      "dependencies": ["engine"],
      "sources": ["<@(fuse_files)", "<@(fuse_main_files)"],
      "cflags!": ["-fPIC"],
      "cflags": ["-fPIE"],
      # -rdynamic is for programs that load addons; the server loads nothing.
      "ldflags!": ["-rdynamic"],
      "ldflags": ["-pie"]
    }
  ]
}
