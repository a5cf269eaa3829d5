#!/usr/bin/env python3
"""Lets two_gateways draw the course of IKE, reads the picture as XML, and looks at it in a browser without a screen.

The browser says where every text lies: none outside of the picture, none over another.

Environment: as support.py says.
"""

import os
import re
import shutil
import subprocess
import tempfile
import xml.etree.ElementTree as xml

from support import check, finish, is_complaint, program, run, skip

PROGRAM = program("two_gateways")
SVG = "{http://www.w3.org/2000/svg}"
EYE = """<script>
const svg = document.querySelector('svg'), all = [...svg.querySelectorAll('text')].map(t => [t.textContent, t.getBBox()]);
const view = svg.viewBox.baseVal, faults = [];
for (const [text, b] of all) if (b.x < 0 || b.y < 0 || b.x + b.width > view.width || b.y + b.height > view.height) faults.push('outside: ' + text);
const shrunk = all.map(([text, b]) => [text, b.x + 2, b.x + b.width - 2, b.y + 3, b.y + b.height - 3]);
for (let i = 0; i < shrunk.length; ++i) for (let j = i + 1; j < Math.min(shrunk.length, i + 60); ++j) {
  const [a, b] = [shrunk[i], shrunk[j]];
  if (a[1] < b[2] && b[1] < a[2] && a[3] < b[4] && b[3] < a[4]) faults.push('over each other: ' + a[0] + ' and ' + b[0]);
}
document.title = all.length + ' texts';
document.body.innerHTML = '<p id="verdict">' + (all.length > 0 && faults.length == 0 ? 'all texts can be read' : faults.slice(0, 9).join('; ')) + '</p>';
</script>"""


def look(folder, name, picture):
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not browser:
        skip("there is no Chromium to look at the picture")
        return
    page = os.path.join(folder, "look.html")
    with open(page, "w", encoding="utf-8") as f:
        # A page is looked at as it is, with the eye behind its end; a picture by itself in a page that is nothing else.
        f.write(picture.replace("</body>", EYE + "</body>") if name == "HTML" else '<!DOCTYPE html><html><body style="margin:0">' +
                re.search(r"<svg.*</svg>", picture, re.S).group(0) + EYE + "</body></html>")
    seen = subprocess.run(
        [browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}/profile", "--dump-dom", "file://" + page],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=120, text=True, check=False,
    )
    check(f"{name}: a browser shows every text whole", '<p id="verdict">all texts can be read</p>' in seen.stdout, seen.stdout[-2000:])


with tempfile.TemporaryDirectory() as folder:
    picture, page = os.path.join(folder, "ike.svg"), os.path.join(folder, "ike.html")
    out = os.path.join(folder, "out")
    code, said, errors = run(PROGRAM, "--quiet", "--seed", "3", "--loss", "0.2", "--ike", "3des-md5-modp1024", "--diagram", picture, "--out", out)
    check("two gateways on a bad link, drawn as SVG", code in (0, 1) and not errors and os.path.exists(picture), (code, said, errors))
    with open(picture, encoding="utf-8") as f:
        drawn = f.read()
    root = xml.fromstring(drawn)
    texts = ["".join(t.itertext()) for t in root.iter(SVG + "text")]
    check("it is well-formed and names nothing outside of itself", root.tag == SVG + "svg" and drawn.count("http") == 1, drawn[:300])
    for wanted in ("Main Mode: HDR, SA", "Main Mode: HDR*, ID, HASH", "3DES-CBC, MD5, 1024-bit MODP, pre-shared key", "KE sent", "the ISAKMP SA stands", "did not arrive"):
        check(f"it shows: {wanted}", any(wanted in t for t in texts), texts)
    for wanted in (r"Quick Mode [0-9a-f]{8}: HDR\*, HASH, SA, NONCE", r"Informational [0-9a-f]{8}: HDR\*, HASH, D", r"SKEYID_e [0-9a-f]{32}", r"KEYMAT [0-9a-f]{40}", r"ID ID_IPV4_ADDR_SUBNET \d"):
        check(f"it shows: {wanted}", any(re.match(wanted, t) for t in texts), texts)
    arrows = [p.get("class") for p in root.iter(SVG + "path") if p.get("class") in ("go", "lost")]
    check("an arrow for each message, lost ones too", arrows.count("go") >= 9 and "lost" in arrows, arrows)
    look(folder, "SVG", drawn)

    code, said, errors = run(PROGRAM, "--quiet", "--diagram", page, "--protocol", "esp+ah", "--pfs", "modp2048", "--out", out)
    with open(page, encoding="utf-8") as f:
        drawn = f.read()
    check("as HTML, with PFS and a bundle", code == 0 and drawn.startswith("<!DOCTYPE html>") and "PROTO_IPSEC_AH" in drawn and "</html>" in drawn, (code, said, errors))
    outside = [w for w in re.findall(r"""(?:src|href)=["']?([^"'\s>]+)|url\(["']?([^"')]+)|(@import|<script|<link|<iframe)""", drawn) if not "".join(w).startswith("#")]
    check("the page names nothing outside of itself", drawn.count("http") == 1 and not outside, outside)
    look(folder, "HTML", drawn)

    for exchange, method, title, wanted in (
        ("main", "rsa-enc", "Main Mode, Encryption with RSA", (r"Main Mode: HDR, KE, <ID>PubKey, <NONCE>PubKey, NAT-D, NAT-D", r"<ID>PubKey [0-9a-f]{48}… \(256 octets\)")),
        ("main", "rsa-rev", "Main Mode, Revised encryption with RSA", (r"Main Mode: HDR, <NONCE>PubKey, <KE>Ke, <ID>Ke", r"<ID>Ke [0-9a-f]{32}$", r"Main Mode: HDR\*, HASH$")),
        ("aggressive", "psk", "Aggressive Mode, pre-shared key", (r"Aggressive Mode: HDR, SA, KE, NONCE, ID, HASH, ", r"ID ID_IPV4_ADDR 192\.0\.2\.1$", r"VID NAT traversal \(RFC 3947\)$")),
        ("aggressive", "dss", "Aggressive Mode, DSS signatures", (r"Aggressive Mode: HDR, SA, KE, NONCE, ID, SIG, ", r"SIG [0-9a-f]{48}… \(40 octets\)$", r"Aggressive Mode: HDR\*, NAT-D, NAT-D, SIG$")),
    ):
        code, said, errors = run(PROGRAM, "--quiet", "--exchange", exchange, "--auth", method, "--diagram", picture, "--out", out)
        with open(picture, encoding="utf-8") as f:
            drawn = f.read()
        texts = ["".join(t.itertext()) for t in xml.fromstring(drawn).iter(SVG + "text")]
        check(f"{exchange} {method}: drawn, and called so", code == 0 and texts[0] == "IKEv1 between two gateways: " + title, (code, errors, texts[:1]))
        for line in wanted:
            check(f"{exchange} {method}: it shows: {line}", any(re.match(line, t) for t in texts), texts[:60])
        look(folder, f"{exchange} {method}", drawn)

    for what, arguments in (
        ("a picture of another kind", ("--diagram", os.path.join(folder, "ike.png"))),
        ("a place that is none", ("--diagram", os.path.join(folder, "no", "such", "ike.svg"), "--out", out)),
        ("a suite without a group", ("--ike", "3des-md5")),
        ("a suite that IKEv1 has not", ("--ike", "chacha20poly1305-sha256-modp2048")),
    ):
        code, said, errors = run(PROGRAM, "--quiet", *arguments)
        check(f"{what}: one line, exit code 2", code == 2 and is_complaint("two_gateways", errors), (code, said, errors))
finish()
