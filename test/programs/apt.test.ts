// SPDX-License-Identifier: MIT
// Debian's package manager in a root directory of its own, with packages and a repository that the test makes.
import { alike } from '../helpers/mounted.ts';

const SET_UP = `
mk() { # NAME VERSION
  d=build/$1; mkdir -p $d/DEBIAN $d/usr/share/$1/lib $d/etc
  printf 'Package: %s\\nVersion: %s\\nArchitecture: all\\nMaintainer: nobody <n@example.org>\\nDescription: test\\n' $1 $2 > $d/DEBIAN/control
  echo /etc/$1.conf > $d/DEBIAN/conffiles; echo "conf $1" > $d/etc/$1.conf
  for i in 1 2 3 4 5; do echo "$1 $2 $i" > $d/usr/share/$1/lib/f$i; done
  ln $d/usr/share/$1/lib/f1 $d/usr/share/$1/hard; ln -s lib/f2 $d/usr/share/$1/soft; echo only $2 > $d/usr/share/$1/only-$2
  mkdir -p repo; dpkg-deb --root-owner-group -b $d repo/$1_$2.deb >/dev/null; rm -rf build
}
index() { for f in repo/*.deb; do dpkg-deb -f $f; printf 'Filename: ./%s\\nSize: %s\\nSHA256: %s\\n\\n' \${f#repo/} $(stat -c %s $f) $(sha256sum $f | cut -d' ' -f1); done > repo/Packages; }
mkdir -p root/var/lib/dpkg/info root/var/lib/dpkg/updates root/var/lib/dpkg/triggers root/var/lib/apt/lists/partial root/var/cache/apt/archives/partial root/etc/apt/apt.conf.d root/etc/apt/preferences.d root/etc/apt/trusted.gpg.d root/usr/lib root/var/log/apt
: > root/var/lib/dpkg/status; : > root/var/lib/dpkg/available
mk a 1; mk b 1; dpkg --root=$PWD/root --force-not-root --force-bad-path --log=/dev/null -i repo/a_1.deb repo/b_1.deb >/dev/null
mk a 2; mk c 1; index
`;

const SCRIPT = `
printf 'deb [trusted=yes] file:%s/repo ./\\n' "$PWD" > root/etc/apt/sources.list
apt() { apt-get -qq -y -o Dir="$PWD/root" -o Dir::State::status="$PWD/root/var/lib/dpkg/status" -o APT::Architecture=amd64 -o Dir::Bin::Methods=/usr/lib/apt/methods -o APT::Sandbox::User=root -o Dir::Etc::Parts=/nonexistent -o Dpkg::Options::=--root="$PWD/root" -o Dpkg::Options::=--force-not-root -o Dpkg::Options::=--force-bad-path -o Dpkg::Options::=--log=/dev/null -o Dpkg::Use-Pty=0 "$@" 2>&1 | sed "s|[^ ]*/repo/|repo/|; /^debconf/d" ; }
apt update; apt install c; apt upgrade; apt remove b; apt install b; apt purge c; apt install --reinstall a
rm -rf root/var/lib/apt root/var/cache root/etc/apt root/var/log
dpkg --root=$PWD/root -V; dpkg --root=$PWD/root -l | tail -n +6
`;

alike(
  'apt installs, upgrades, removes, purges and reinstalls packages that lie below',
  { root: true, programs: ['apt-get', 'dpkg', 'dpkg-deb'] },
  SET_UP,
  SCRIPT,
);
