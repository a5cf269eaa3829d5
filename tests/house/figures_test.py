"""The figures of docs/ that are drawn from the code are as the code would draw them now."""
import os
import subprocess
import sys

import house

if not (house.ROOT / "docs").is_dir():
    print("skipped: no docs/")
    sys.exit(77)
sys.exit(subprocess.run([sys.executable, house.ROOT / "scripts" / "diagrams", "--check"], env=os.environ).returncode)
