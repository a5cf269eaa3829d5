"""The tables of docs/conformance.md are as the citations have them, and no requirement lost its proof."""
import os
import subprocess
import sys

import house

if not (house.ROOT / "docs").is_dir():
    print("skipped: no docs/")
    sys.exit(77)
sys.exit(subprocess.run([sys.executable, house.ROOT / "scripts" / "conformance", "--check"], env=os.environ).returncode)
