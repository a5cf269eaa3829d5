"""check.py WAY: builds and runs a consumer of ipsecpp. The ways: package, moved, components, unknown, pkg-config, subdirectory.

Every way starts from an install of its own, so that they run in any order and side by side."""
import os
import pathlib
import re
import shutil
import subprocess
import sys

way = sys.argv[1]
here = pathlib.Path(__file__).resolve().parent
source = pathlib.Path(os.environ["IPSECPP_SOURCE"])
build = pathlib.Path(os.environ["IPSECPP_BUILD"])
cmake, compiler = os.environ["IPSECPP_CMAKE"], os.environ["IPSECPP_CXX"]
work = build / "install-test" / way
shutil.rmtree(work, ignore_errors=True)
work.mkdir(parents=True)


def run(*command, fails=False, **environment):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, env=os.environ | environment)
    if (done.returncode != 0) != fails:
        sys.exit(f"{way}: {' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def install():
    prefix = work / "prefix"
    run(cmake, "--install", build, "--prefix", prefix)
    for path in prefix.rglob("*"):
        if path.is_file() and path.suffix in (".cmake", ".pc"):
            text = path.read_text()
            for machine in (str(source), str(build)):
                if machine in text:
                    sys.exit(f"{path} names {machine}")
    headers = lambda root: {p.relative_to(root) for p in root.rglob("*.hpp")}
    if headers(prefix / "include") != headers(source / "include"):
        sys.exit("the installed headers are not those of include/")
    return prefix


def consume(how, *options, fails=False):
    """Configures and builds the consumer; returns what configuring said."""
    out = run(cmake, "-S", here / "consumer", "-B", work / "build", "-G", "Ninja", f"-DCMAKE_CXX_COMPILER={compiler}",
              f"-DHOW={how}", *options, fails=fails)
    if not fails:
        run(cmake, "--build", work / "build")
        run(work / "build" / "consumer")
    return out


if way == "package":
    consume("package", f"-DCMAKE_PREFIX_PATH={install()}")
elif way == "moved":
    moved = work / "elsewhere"
    install().rename(moved)
    consume("package", f"-DCMAKE_PREFIX_PATH={moved}")
elif way == "components":
    consume("components", f"-DCMAKE_PREFIX_PATH={install()}")
elif way == "unknown":
    said = consume("unknown", f"-DCMAKE_PREFIX_PATH={install()}", fails=True)
    if "ipsecpp::nonsense needs" not in said:
        sys.exit(f"an unknown component is not named:\n{said}")
elif way == "pkg-config":
    path = str(install() / "share" / "pkgconfig")
    flags = run("pkg-config", "--cflags", "ipsecpp", PKG_CONFIG_PATH=path).split()
    version = re.search(r"VERSION ([0-9.]+)", (source / "CMakeLists.txt").read_text()[len("cmake_minimum_required(VERSION 3.25)"):])
    if run("pkg-config", "--modversion", "ipsecpp", PKG_CONFIG_PATH=path).strip() != version.group(1):
        sys.exit("pkg-config and the project disagree about the version")
    run(compiler, "-std=c++23", *flags, here / "consumer" / "main.cpp", "-o", work / "consumer")
    run(work / "consumer")
elif way == "subdirectory":
    consume("subdirectory", f"-DIPSECPP_SOURCE={source}")
    built = [p.name for p in (work / "build").rglob("*.o")]
    if built != ["main.cpp.o"]:
        sys.exit(f"a plain consumer built more than its own file: {built}")
else:
    sys.exit(__doc__)
shutil.rmtree(work)
print(f"{way}: the consumer builds and runs")
