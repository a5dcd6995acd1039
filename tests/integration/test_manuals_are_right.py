"""Every configuration that a manual shows passes `weir check`, as it stands there. The files of
secrets that it names are put where the check finds them, in an /etc/weir of its own."""

import os
import re
import subprocess

import harness
from harness import ROOT, check, equal

PAGES = sorted([*ROOT.glob("docs/**/*.md"), *ROOT.glob("*/*.md"), ROOT / "README.md"])
BLOCK = re.compile(r"^```yaml\n(.*?)^```", re.M | re.S)
INDENTED = re.compile(r"(?:^\t.*\n)+", re.M)
SECRET_FILE = re.compile(r"file: /etc/weir/([\w.-]+)")
VARIABLE = re.compile(r"env: (\w+)")


def examples(page):
    """Whole configurations: those that begin with a key that a configuration has."""
    text = page.read_text()
    blocks = BLOCK.findall(text)
    blocks += [re.sub(r"^\t", "", block, flags=re.M) for block in INDENTED.findall(text)]
    return [block for block in blocks if re.match(r"(#.*\n)*outputs:\n", block)]


def check_example(bench, number, page, text):
    path, secrets = bench.path(f"{number}.yaml"), bench.path(f"etc-{number}")
    path.write_text(text)
    secrets.mkdir()
    for name in SECRET_FILE.findall(text):
        (secrets / name).write_text("a secret\n")
        (secrets / name).chmod(0o600)
    environment = {name: "a secret" for name in VARIABLE.findall(text)}
    script = 'mount -t tmpfs none /mnt && mkdir /mnt/etc && cp -a /etc/passwd /etc/group /mnt/etc &&' \
             ' cp -a "$1" /mnt/etc/weir && mount --bind /mnt/etc /etc && exec "$2" check "$3"'
    done = subprocess.run(["unshare", "-m", "sh", "-ec", script, "sh", str(secrets),
                           str(harness.BINARY), str(path)], capture_output=True, text=True,
                          env={**os.environ, **environment})
    equal((done.returncode, done.stdout), (0, f"{path}: ok\n"),
          f"{page.relative_to(ROOT)}, example {number} ({done.stderr})")


def scenario(bench):
    count = 0
    for page in PAGES:
        for text in examples(page):
            check_example(bench, count, page, text)
            count += 1
    check(count >= 4, f"{count} examples were found")
    print(f"{count} examples")


harness.main(scenario)
