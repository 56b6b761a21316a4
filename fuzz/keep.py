#!/usr/bin/env python3
"""Chooses what of a corpus is kept in the repository: keep.py BINARY FROM TO FILES BYTES. Of the inputs in the directory FROM
those that together cover the most edges of the target go to TO: no more than so many files, and bytes of them."""
import os
import shutil
import subprocess
import sys
import tempfile

binary, source, to, files, left = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
with tempfile.TemporaryDirectory() as scratch:
    control = os.path.join(scratch, "control")
    subprocess.run([binary, "-merge=1", "-use_counters=0", "-use_cmp=0", "-max_len=4096", f"-merge_control_file={control}",
                    scratch, source], check=True, stderr=subprocess.DEVNULL)
    with open(control) as lines:
        words = [line.split() for line in lines]
# As libFuzzer writes it: how many files, how many of them to leave out, their names; then what each covers.
names = [word[0] for word in words[2:2 + int(words[0][0])]]
covers = {names[int(word[1])]: {int(edge) for edge in word[2:]} for word in words if word[0] == "FT"}
os.makedirs(to, exist_ok=True)
seen = set()
for _ in range(files):
    fitting = {name for name in covers if os.path.getsize(name) <= left and covers[name] - seen}
    if not fitting:
        break
    # The most new edges; of equals the shortest.
    best = max(fitting, key=lambda name: (len(covers[name] - seen), -os.path.getsize(name)))
    shutil.copy(best, to)
    seen, left = seen | covers[best], left - os.path.getsize(best)
print(f"{to}: {len(os.listdir(to))} files cover {len(seen)} of {len(set().union(*covers.values()))} edges")
