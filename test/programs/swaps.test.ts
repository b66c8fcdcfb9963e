// SPDX-License-Identifier: MIT
// Whole directories put in the place of others, as package managers and build tools do it.
import { alike } from '../helpers/mounted.ts';

const NEEDS = { programs: ['python3', 'find'] } as const;

/** `swap A B` exchanges two names in one step, `place A B` renames over an empty directory. */
const TOOLS = `
swap() { python3 -c 'import ctypes, sys, os
if ctypes.CDLL(None).renameat2(-100, os.fsencode(sys.argv[1]), -100, os.fsencode(sys.argv[2]), 2) != 0: print("swap failed", sys.argv)' "$1" "$2"; }
place() { python3 -c 'import os, sys; os.rename(sys.argv[1], sys.argv[2])' "$1" "$2"; }
`;

const PACKAGES = `for p in a b c; do mkdir -p node_modules/.store/$p/lib node_modules/.bin; echo "$p 1" > node_modules/.store/$p/package.json
  for i in 1 2 3; do echo $i > node_modules/.store/$p/lib/f$i; done; ln -s .store/$p node_modules/$p; ln node_modules/.store/$p/lib/f1 node_modules/.bin/$p; done`;

alike(
  'a package manager makes node_modules anew beside the old one and swaps them, twice',
  NEEDS,
  PACKAGES,
  `${TOOLS}
  echo patched >> node_modules/a/lib/f2; rm node_modules/.store/b/lib/f3; mkdir node_modules/.cache; echo c > node_modules/.cache/c
  for n in 2 3; do
    mkdir -p new/.store new/.bin
    for p in a c d; do
      if [ -d node_modules/.store/$p ]; then cp -al node_modules/.store/$p new/.store/$p; else mkdir -p new/.store/$p/lib; fi
      rm -f new/.store/$p/package.json; echo "$p $n" > new/.store/$p/package.json; ln -s .store/$p new/$p
    done
    swap new node_modules; cat node_modules/*/package.json; ls new node_modules; rm -rf new; test ! -e new || echo stays
  done
  mkdir new; swap new node_modules; ls node_modules; mkdir node_modules/again; swap node_modules new; find . | sort; rmdir new/again new || ls new`,
);

alike(
  'packages are moved away one by one, and the new ones into their places',
  NEEDS,
  PACKAGES,
  `${TOOLS}
  for p in a b c; do mkdir -p tmp/$p/lib; echo "$p 2" > tmp/$p/package.json; echo new > tmp/$p/lib/f1
    mv node_modules/.store/$p node_modules/.store/.$p-old; mv tmp/$p node_modules/.store/$p; rm -rf node_modules/.store/.$p-old
    cat node_modules/$p/package.json; ls node_modules/$p/lib; done
  mkdir node_modules/.store/e; place node_modules/.store/a node_modules/.store/e; cat node_modules/.store/e/lib/f1; cat node_modules/a/lib/f1
  cat node_modules/.bin/*`,
);

alike(
  'a build tool works in a directory of its own and renames it into place, over empty and over merged ones',
  NEEDS,
  'mkdir -p target/debug/deps target/debug/incremental/s-1/obj target/empty/; for i in 1 2 3 4; do echo $i > target/debug/deps/d$i; echo $i > target/debug/incremental/s-1/obj/o$i; done',
  `${TOOLS}
  cd target/debug/incremental
  for n in 2 3 4; do
    m=$((n - 1)); mkdir s-$n-working; for f in s-$m/obj/*; do mkdir -p s-$n-working/obj; ln $f s-$n-working/obj/; done
    echo new > s-$n-working/obj/o$n.tmp; mv s-$n-working/obj/o$n.tmp s-$n-working/obj/o$n; mv s-$n-working s-$n; rm -rf s-$m; ls -R .
  done
  cd ../..; place debug/incremental/s-4 empty; ls -R empty; place debug/deps debug/incremental; ls debug/incremental
  mkdir debug/deps; swap debug empty; find . | sort; swap debug/incremental empty 2>&1; cd ..; mv target old; mkdir target; place old/empty target 2>&1 || :; find . | sort; rm -rf old`,
);

alike(
  'two merged directories exchanged over and over, with changes in between',
  NEEDS,
  'mkdir -p one/s two/s; echo 1 > one/s/x; echo 1 > one/only; echo 2 > two/s/x; echo 2 > two/too; ln one/only two/linked',
  `${TOOLS}
  for n in 1 2 3 4 5; do
    echo $n > one/s/new$n; echo $n >> two/s/x; swap one two; rm -f one/s/new$((n - 1)); swap one/s two/s; echo $n >> two/linked 2>/dev/null || echo $n >> one/linked
    find one two -type f | sort | xargs cat
  done`,
);
