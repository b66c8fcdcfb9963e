#!/bin/sh
# SPDX-License-Identifier: MIT
# In place of the FUSE server (NODE_AUFS_SERVER): starts AUFS_TEST_SERVER with the mount options of AUFS_TEST_OPTIONS.
[ "$AUFS_TEST_SERVER" != "$0" ] || { echo 'AUFS_TEST_SERVER is this script' >&2; exit 1; }
# With AUFS_TEST_INDEXES, a directory, every mount has a chain index.
if [ -n "$AUFS_TEST_INDEXES" ]; then
  index=$(mktemp -u "$AUFS_TEST_INDEXES/XXXXXXXX")
  "$AUFS_TEST_SERVER" --write-chain-index "$index" "$@" 2>/dev/null
  AUFS_TEST_OPTIONS="$AUFS_TEST_OPTIONS,chain_index=$index"
fi
exec "$AUFS_TEST_SERVER" -o "$AUFS_TEST_OPTIONS" "$@"
