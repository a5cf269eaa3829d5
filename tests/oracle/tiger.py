"""Tiger, by libgcrypt, which tshark brings along: hashlib has it nowhere."""

import ctypes
import ctypes.util

TIGER1 = 306  # GCRY_MD_TIGER1: the octets as everybody else writes them
_library = None


def _gcrypt():
    global _library
    if _library is None:
        name = ctypes.util.find_library("gcrypt") or "libgcrypt.so.20"
        try:
            library = ctypes.CDLL(name)
        except OSError as e:
            raise ValueError("Tiger: there is no libgcrypt") from e
        library.gcry_check_version.restype = ctypes.c_char_p
        library.gcry_check_version.argtypes = [ctypes.c_char_p]
        library.gcry_md_hash_buffer.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_size_t]
        library.gcry_md_get_algo_dlen.argtypes = [ctypes.c_int]
        library.gcry_md_get_algo_dlen.restype = ctypes.c_uint
        library.gcry_check_version(None)  # it wants to be asked before anything else
        if library.gcry_md_get_algo_dlen(TIGER1) != Tiger.digest_size:
            raise ValueError("Tiger: libgcrypt was built without it")
        _library = library
    return _library


class Tiger:
    """What `hmac` asks of a hash."""

    name, digest_size, block_size = "tiger", 24, 64

    def __init__(self, data=b""):
        self.data = bytes(data)

    def update(self, data):
        self.data += bytes(data)

    def copy(self):
        return Tiger(self.data)

    def digest(self):
        out = ctypes.create_string_buffer(self.digest_size)
        _gcrypt().gcry_md_hash_buffer(TIGER1, out, self.data, len(self.data))
        return out.raw

    def hexdigest(self):
        return self.digest().hex()
