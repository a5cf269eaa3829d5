"""Authorities, keys and certificates of a cell, made by openssl, once for each kind in a run."""
import functools
import pathlib
import subprocess
import tempfile

KINDS = {
    "rsa": ["RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
    "rsa4096": ["RSA", "-pkeyopt", "rsa_keygen_bits:4096"],  # its certificate fits into no datagram
    "ecdsa256": ["EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-pkeyopt", "ec_param_enc:named_curve"],
    "ecdsa384": ["EC", "-pkeyopt", "ec_paramgen_curve:P-384", "-pkeyopt", "ec_param_enc:named_curve"],
    "ecdsa521": ["EC", "-pkeyopt", "ec_paramgen_curve:P-521", "-pkeyopt", "ec_param_enc:named_curve"],
}
NAMES = {"ours": "ours.interop.example", "peer": "peer.interop.example"}


@functools.cache
def made(kind):
    """@return {who: {path beside the configuration: octets}}"""
    with tempfile.TemporaryDirectory() as folder:
        at = pathlib.Path(folder)

        def openssl(*arguments):
            subprocess.run(["openssl", *arguments], cwd=at, check=True, capture_output=True)

        (at / "ca.cnf").write_text("basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n")
        openssl("genpkey", "-algorithm", *KINDS[kind], "-out", "ca.key")
        openssl("req", "-new", "-key", "ca.key", "-subj", "/O=Interop/CN=authority", "-out", "ca.csr")
        openssl(
            "x509",
            "-req",
            "-in",
            "ca.csr",
            "-signkey",
            "ca.key",
            "-days",
            "2",
            "-extfile",
            "ca.cnf",
            "-sha256",
            "-out",
            "ca.pem",
        )
        found = {}
        for number, (who, name) in enumerate(NAMES.items(), 2):
            (at / "end.cnf").write_text(
                f"basicConstraints=critical,CA:FALSE\nkeyUsage=digitalSignature\nsubjectAltName=DNS:{name}\n"
                "authorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash\n"
            )
            openssl("genpkey", "-algorithm", *KINDS[kind], "-out", "end.key")
            openssl("req", "-new", "-key", "end.key", "-subj", f"/O=Interop/CN={name}", "-out", "end.csr")
            signer = ["-CA", "ca.pem", "-CAkey", "ca.key", "-set_serial", str(number)]
            openssl(
                "x509", "-req", "-in", "end.csr", *signer, "-days", "2", "-extfile", "end.cnf", "-sha256", "-out", "end.pem"
            )
            found[who] = {
                "private/end.pem": (at / "end.key").read_bytes(),
                "x509/end.pem": (at / "end.pem").read_bytes(),
                "x509ca/ca.pem": (at / "ca.pem").read_bytes(),
            }
        return found
