"""Number spaces, directories and policies that threads share, under ThreadSanitizer: threads_main.cpp is built with it and run."""
import os
import pathlib
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(os.environ["IPSECPP_SOURCE"])
CXX = os.environ.get("IPSECPP_CXX", "c++")
FLAGS = ["-std=c++23", "-O1", "-g1", "-pthread", "-fsanitize=thread", f"-I{SOURCE / 'include'}", f"-I{SOURCE / 'tests'}"]
PROBE = "#include <thread>\nint main() { int n = 0; std::thread([&] { ++n; }).join(); return n - 1; }\n"


def skip(why):
    print(f"skipped: {why}")
    sys.exit(77)


def built_and_run(source, folder, *more):
    program = os.path.join(folder, "program")
    built = subprocess.run([CXX, *FLAGS, *more, str(source), "-o", program], capture_output=True, text=True)
    if built.returncode != 0:
        return built
    return subprocess.run([program], capture_output=True, text=True, timeout=900,
                          env={**os.environ, "TSAN_OPTIONS": "halt_on_error=1"})


with tempfile.TemporaryDirectory() as folder:
    probe = pathlib.Path(folder) / "probe.cpp"
    probe.write_text(PROBE)
    if built_and_run(probe, folder).returncode != 0:
        skip("this compiler or kernel has no ThreadSanitizer")
    run = built_and_run(SOURCE / "tests" / "sa" / "threads_main.cpp", folder, "-Wall", "-Wextra", "-Werror")
    print(run.stdout + run.stderr)
    sys.exit(0 if run.returncode == 0 and "threads agree" in run.stdout else 1)
