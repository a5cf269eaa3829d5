"""No folder includes a folder above its floor, and the two sides of the house do not know each other."""
import house


def fault_of(header, target):
    """What is wrong with `header` including "ipsec/<target>", or None."""
    here, there = house.room(header), house.room(target)
    if not here:
        return None  # umbrella headers see everything
    if not there:
        return "no room includes an umbrella header" if target != "fwd.hpp" else None
    if here not in house.FLOOR:
        return f"{here}/ has no floor"
    if there not in house.FLOOR:
        return f"{there}/ has no floor"
    if here == there:
        return None
    if header in house.IO_CONCEPTS and there != "core":
        return "the concepts of io stand on core alone"
    if target in house.IO_CONCEPTS and here not in ("core", "wire"):
        return None
    if house.FLOOR[there] > house.FLOOR[here]:
        return f"{there} lies above {here}"
    if house.FLOOR[there] == house.FLOOR[here]:
        return f"{there} and {here} share a floor and do not know each other"
    if here in house.PACKET_SIDE and there in house.IKE_SIDE or here in house.IKE_SIDE and there in house.PACKET_SIDE:
        return "the packet side and the IKE side meet in sa/events.hpp only"
    return None


def library_fault(header, path):
    """What is wrong with `header` including <path> of somebody else's library, or None."""
    library = path.split("/")[0].removesuffix(".h")
    if library not in house.ADAPTERS or header.startswith(house.ADAPTERS[library]):
        return None
    if library == "fmt" and header.split("/")[-1] == "fmt.hpp":
        return None
    return f"only {house.ADAPTERS[library]}* includes <{path}>"


def main():
    # the rules themselves, on pairs that must and must not be
    for header, target, good in [("esp/seal.hpp", "ah/seal.hpp", False), ("core/bytes.hpp", "wire/reader.hpp", False),
                                 ("wire/reader.hpp", "core/bytes.hpp", True), ("ike/v1/x.hpp", "esp/seal.hpp", False),
                                 ("ike/v1/x.hpp", "sa/events.hpp", True), ("esp/seal.hpp", "io/packet.hpp", True),
                                 ("esp/seal.hpp", "io/pcap.hpp", False), ("io/packet.hpp", "wire/reader.hpp", False),
                                 ("dataplane/outbound.hpp", "isakmp/header.hpp", False), ("io/pcap.hpp", "testing/clock.hpp", False),
                                 ("testing/lossy_link.hpp", "io/memory_link.hpp", True), ("ipsec.hpp", "ike/v1/x.hpp", True)]:
        assert (fault_of(header, target) is None) == good, (header, target)
    assert library_fault("ip/v4.hpp", "botan/rng.h") and not library_fault("crypto/botan/rng.hpp", "botan/rng.h")
    assert library_fault("ip/v4.hpp", "pcap.h") and not library_fault("io/pcap.hpp", "pcap/pcap.h")

    faults, known = [], set(house.headers())
    for header in known:
        for line, path, quoted in house.includes(header):
            where = f"include/ipsec/{header}:{line}"
            if path.startswith("ipsec/"):
                target = path.removeprefix("ipsec/")
                if target not in known:
                    faults.append(f"{where}: there is no {path}")
                elif fault := fault_of(header, target):
                    faults.append(f"{where}: includes {path}: {fault}")
            elif quoted:
                faults.append(f'{where}: write "{path}" as "ipsec/...", or <{path}> if it is not ours')
            elif fault := library_fault(header, path):
                faults.append(f"{where}: {fault}")
    house.finish(sorted(faults), f"floors: {len(known)} headers")


main()
