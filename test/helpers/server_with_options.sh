#!/bin/sh
# SPDX-License-Identifier: MIT
# In place of the FUSE server (NODE_AUFS_SERVER): starts AUFS_TEST_SERVER with the mount options of AUFS_TEST_OPTIONS.
exec "$AUFS_TEST_SERVER" -o "$AUFS_TEST_OPTIONS" "$@"
