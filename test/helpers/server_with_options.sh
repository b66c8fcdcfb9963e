#!/bin/sh
# SPDX-License-Identifier: MIT
# In place of the FUSE server (NODE_AUFS_SERVER): starts AUFS_TEST_SERVER with the mount options of AUFS_TEST_OPTIONS.
[ "$AUFS_TEST_SERVER" != "$0" ] || { echo 'AUFS_TEST_SERVER is this script' >&2; exit 1; }
exec "$AUFS_TEST_SERVER" -o "$AUFS_TEST_OPTIONS" "$@"
