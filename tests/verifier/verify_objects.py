#!/usr/bin/env python3
"""Verifies sealed objects without a line of this project's Rust: keys, nonces, bound data, ciphertexts, hashes and signatures by
SPEC.md sections 9 and 10, with PyPI's `cryptography`.

    verify_objects.py FILE...

A file is a list of cases as in client-sdk/e2ee/vectors/objects.json. Each object is opened, sealed again byte for byte, and refused
once any part of it is damaged. Exits with 1 at the first object that is not what SPEC.md says.
"""

import hashlib
import hmac
import json
import sys

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

SUITE = 0xF003
TAG, SIGNATURE = 16, 64
KEYFRAME, PRIVATE, PADDED = 1, 2, 4
BUCKET_MIN, DATAGRAM_MAX, OBJECT_MAX = 256, 1120, 4 << 20


class Refused(Exception):
    """The object is not one that the case's member sealed."""


def extract(salt, ikm):
    return hmac.new(salt or bytes(32), ikm, hashlib.sha256).digest()


def expand(secret, info, length):
    return HKDFExpand(hashes.SHA256(), length, info).derive(secret)


def varint(number):
    for size, mark in ((1, 0), (2, 1), (4, 2), (8, 3)):
        if number < 1 << (8 * size - 2):
            return (number | mark << (8 * size - 2)).to_bytes(size, "big")
    raise ValueError(number)


def field(value):
    return varint(len(value)) + value


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, size):
        part = self.data[self.at : self.at + size]
        if len(part) < size:
            raise Refused("cut")
        self.at += size
        return part

    def number(self, size):
        return int.from_bytes(self.take(size), "big")

    def varint(self):
        first = self.number(1)
        rest = (1 << (first >> 6)) - 1
        number = (first & 0x3F) << (8 * rest) | (self.number(rest) if rest else 0)
        if len(varint(number)) != rest + 1:
            raise Refused("varint is not minimal")
        return number

    def nibble(self, bits):
        if bits < 8:
            return bits
        size = (bits & 7) + 1
        number = self.number(size)
        if number < (8 if size == 1 else 1 << (8 * (size - 1))):
            raise Refused("SFrame number is not minimal")
        return number


def parse(data):
    """SFrame header (RFC 9605 section 4.3), kind, flags, media group, index; gives them and what is left."""
    reader = Reader(data)
    config = reader.number(1)
    header = {"kid": reader.nibble(config >> 4), "counter": reader.nibble(config & 15)}
    header["kind"], header["flags"] = reader.number(1), reader.number(1)
    if header["flags"] > KEYFRAME | PRIVATE | PADDED:
        raise Refused("unknown flags")
    header["group"], header["index"] = reader.varint(), reader.varint()
    header["bytes"] = data[: reader.at]
    body = data[reader.at :]
    if len(body) < TAG + SIGNATURE:
        raise Refused("no room for tag and signature")
    return header, body[:-SIGNATURE], body[-SIGNATURE:]


def hpke_export(private):
    """RFC 9180 in PSK mode with X25519, HKDF-SHA256 and ChaCha20-Poly1305: what the receiver of SPEC.md section 10 derives."""
    secret = X25519PrivateKey.from_private_bytes(bytes.fromhex(private["receiver_secret_key"]))
    enc = bytes.fromhex(private["enc"])
    own = secret.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    kem, suite = b"KEM\x00\x20", b"HPKE\x00\x20\x00\x01\x00\x03"

    def labelled(suite, salt, label, ikm):
        return extract(salt, b"HPKE-v1" + suite + label + ikm)

    def expanded(suite, prk, label, info, length):
        return expand(prk, length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info, length)

    shared = secret.exchange(X25519PublicKey.from_public_bytes(enc))
    eae = labelled(kem, b"", b"eae_prk", shared)
    shared = expanded(kem, eae, b"shared_secret", enc + own, 32)
    group_id, context_id = bytes.fromhex(private["group_id"]), bytes.fromhex(private["context_id"])
    parts = [
        group_id,
        private["epoch"].to_bytes(8, "big"),
        private["from"].to_bytes(2, "big"),
        private["to"].to_bytes(2, "big"),
        context_id,
    ]
    info = b"ISI 1.0 Private" + b"".join(map(field, parts))
    psk_id_hash = labelled(suite, b"", b"psk_id_hash", b"ISI 1.0 Private PSK" + context_id)
    context = b"\x01" + psk_id_hash + labelled(suite, b"", b"info_hash", info)
    schedule = labelled(suite, shared, b"secret", bytes.fromhex(private["psk"]))
    exporter = expanded(suite, schedule, b"exp", context, 32)
    return expanded(suite, exporter, b"sec", b"ISI private base v1", 32)


def padme(size):
    exponent = size.bit_length() - 1
    low = (1 << (exponent - exponent.bit_length())) - 1
    return (size + low) & ~low


def is_bucket(size):
    return size in (BUCKET_MIN, DATAGRAM_MAX, OBJECT_MAX) or (size > BUCKET_MIN and padme(size) == size)


class Case:
    def __init__(self, case):
        self.case = case
        private = case.get("private")
        base = hpke_export(private) if private else bytes.fromhex(case["base"])
        self.context_id = bytes.fromhex(private["context_id"]) if private else b""
        self.kid = case["track"] << 32 | case["leaf"] << 16 | case["epoch"] & 0xFFFF
        secret = extract(b"", base)
        tail = self.kid.to_bytes(8, "big") + SUITE.to_bytes(2, "big")
        self.aead = ChaCha20Poly1305(expand(secret, b"SFrame 1.0 Secret key " + tail, 32))
        self.salt = expand(secret, b"SFrame 1.0 Secret salt " + tail, 12)
        self.signer = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(case["media_secret_key"]))
        self.public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(case["media_public_key"]))

    def nonce(self, counter):
        return bytes(a ^ b for a, b in zip(self.salt, counter.to_bytes(12, "big")))

    def bound(self, header):
        case = self.case
        parts = [bytes.fromhex(case["group_id"]), case["epoch"].to_bytes(8, "big"), case["leaf"].to_bytes(2, "big")]
        parts += [case["track"].to_bytes(4, "big"), bytes([header["kind"]])]
        parts += [header["group"].to_bytes(8, "big"), header["index"].to_bytes(8, "big")]
        parts += [bytes([header["flags"] & KEYFRAME]), self.context_id, header["counter"].to_bytes(8, "big")]
        return b"".join(map(field, parts + [header["bytes"]]))

    def message(self, header, sealed):
        return b"ISI 1.0 Object" + self.bound(header) + hashlib.sha256(header["bytes"] + sealed).digest()

    def open(self, data):
        header, sealed, signature = parse(data)
        if header["kid"] != self.kid or header["kind"] != self.case["kind"]:
            raise Refused("another sender, track, epoch or kind")
        if bool(header["flags"] & PRIVATE) != bool(self.context_id):
            raise Refused("private, or not")
        try:
            self.public.verify(signature, self.message(header, sealed))
            plaintext = self.aead.decrypt(self.nonce(header["counter"]), sealed, self.bound(header))
        except (InvalidSignature, InvalidTag) as error:
            raise Refused(type(error).__name__) from error
        if header["flags"] & PADDED:
            plaintext = plaintext.rstrip(b"\0")
            if plaintext[-1:] != b"\x80" or not is_bucket(len(data)):
                raise Refused("padding")
            plaintext = plaintext[:-1]
        return header, plaintext

    def seal(self, header, plaintext, size):
        if header["flags"] & PADDED:
            plaintext += b"\x80"
            plaintext += bytes(size - len(header["bytes"]) - len(plaintext) - TAG - SIGNATURE)
        sealed = self.aead.encrypt(self.nonce(header["counter"]), plaintext, self.bound(header))
        return header["bytes"] + sealed + self.signer.sign(self.message(header, sealed))


def check(condition, what):
    if not condition:
        raise SystemExit(f"not as in SPEC.md: {what}")


def verify(case, number):
    checked = Case(case)
    for place, entry in enumerate(case["objects"]):
        name, data = f"case {number}, object {place}", bytes.fromhex(entry["object"])
        try:
            header, plaintext = checked.open(data)
        except Refused as why:
            raise SystemExit(f"not as in SPEC.md: {name}: {why}") from why
        check(plaintext == bytes.fromhex(entry["plaintext"]), f"{name}: plaintext")
        check(header["group"] == entry["group"], f"{name}: media group")
        check(bool(header["flags"] & KEYFRAME) == entry["keyframe"], f"{name}: keyframe")
        check(bool(header["flags"] & PADDED) == case.get("padded", False), f"{name}: padded")
        check(header["counter"] == place, f"{name}: counters begin at 0 and rise by one")
        check(checked.seal(header, plaintext, len(data)) == data, f"{name}: sealed again")
        # Every byte of a short object, some of a long one; and cut at every length of its end.
        for at in range(0, len(data), 1 if len(data) < 400 else 97):
            damaged = bytearray(data)
            damaged[at] ^= 1 << at % 8
            refused(checked, bytes(damaged), f"{name}: byte {at} damaged")
        for cut in (1, SIGNATURE, SIGNATURE + TAG, len(data)):
            refused(checked, data[:-cut], f"{name}: {cut} bytes cut")
        refused(checked, data + b"\0", f"{name}: a byte more")
    return len(case["objects"])


def refused(checked, data, what):
    try:
        checked.open(data)
    except Refused:
        return
    raise SystemExit(f"opened though {what}")


def main(files):
    check(files, "no file given")
    for name in files:
        with open(name, encoding="utf-8") as file:
            cases = json.load(file)
        check(cases, f"{name} has no cases")
        objects = sum(verify(case, number) for number, case in enumerate(cases))
        private = sum("private" in case for case in cases)
        print(f"{name}: {objects} objects of {len(cases)} cases ({private} private) are as in SPEC.md")


if __name__ == "__main__":
    main(sys.argv[1:])
