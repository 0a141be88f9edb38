#!/usr/bin/env python3
"""Where the values in noise.cpp come from.

An implementation of Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s (the Noise specification, revision 34)
that shares nothing with crypto/: hashlib, hmac, and python3-cryptography. It first proves itself
on the published vector of that name (cacophony's, which the Noise libraries share), whose prologue
and payloads are not WireGuard's, and then prints the same keys' messages with WireGuard's prologue
and payloads. No test runs it; run it by hand to see the values again.
"""

import hashlib
import hmac

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

INIT_STATIC = "e61ef9919cde45dd5f82166404bd08e38bceb5dfdfded0a34c8df7ed542214d1"
INIT_EPHEMERAL = "893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a"
RESP_STATIC = "4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893"
RESP_EPHEMERAL = "bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b"
PSK = "54686973206973206d7920417573747269616e20706572737065637469766521"

PUBLISHED = [  # payload, message
    ("4c756477696720766f6e204d69736573",
     "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c7944"
     "001e21de9f98ddd8e2ad57527207feb56253c9c94a9e496782ecfcb2a75fbcaf"
     "1b52948cc48daefe660c62119ab5000980c84831215f2441eba616548e832985"
     "464cf17e51ee93109008399a21f7e13f"),
    ("4d757272617920526f746862617264",
     "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f144808843"
     "cb765f2caef0751b8f007572dab0322217755c0632f365717edbf34d33e87a"),
    ("462e20412e20486179656b", "8153ca9833bc3c1b91a7e66e5f4d4f5b59bf9e64c2f20d15f0bba7"),
    ("4361726c204d656e676572", "07af0c9c86e1b4e80f36b04ff7688d51141af3debd0332f0a705ef"),
]


def blake2s(data):
    return hashlib.blake2s(data).digest()


def hkdf(key, material, outputs):
    secret = hmac.new(key, material, hashlib.blake2s).digest()
    result, last = [], b""
    for number in range(1, outputs + 1):
        last = hmac.new(secret, last + bytes([number]), hashlib.blake2s).digest()
        result.append(last)
    return result


def public(private):
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def dh(private, other):
    return X25519PrivateKey.from_private_bytes(private).exchange(
        X25519PublicKey.from_public_bytes(other))


def nonce(counter):
    return bytes(4) + counter.to_bytes(8, "little")


class Symmetric:
    def __init__(self, prologue, responder):
        self.chaining_key = blake2s(b"Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s")
        self.hash = self.chaining_key
        self.mix_hash(prologue)
        self.mix_hash(responder)

    def mix_hash(self, data):
        self.hash = blake2s(self.hash + data)

    def mix_key(self, material):
        self.chaining_key, self.key = hkdf(self.chaining_key, material, 2)

    def mix_ephemeral(self, key):  # with a psk in the pattern, `e` is mixed into the key as well
        self.mix_hash(key)
        self.mix_key(key)

    def mix_psk(self, psk):
        self.chaining_key, mixed, self.key = hkdf(self.chaining_key, psk, 3)
        self.mix_hash(mixed)

    def encrypt_and_hash(self, plain):
        sealed = ChaCha20Poly1305(self.key).encrypt(nonce(0), plain, self.hash)
        self.mix_hash(sealed)
        return sealed


def handshake(prologue, first_payload, second_payload, psk):
    """Both messages and the two transport keys."""
    init_static, init_ephemeral = bytes.fromhex(INIT_STATIC), bytes.fromhex(INIT_EPHEMERAL)
    resp_static, resp_ephemeral = bytes.fromhex(RESP_STATIC), bytes.fromhex(RESP_EPHEMERAL)
    state = Symmetric(prologue, public(resp_static))

    first = public(init_ephemeral)
    state.mix_ephemeral(first)
    state.mix_key(dh(init_ephemeral, public(resp_static)))
    first += state.encrypt_and_hash(public(init_static))
    state.mix_key(dh(init_static, public(resp_static)))
    first += state.encrypt_and_hash(first_payload)

    second = public(resp_ephemeral)
    state.mix_ephemeral(second)
    state.mix_key(dh(resp_ephemeral, public(init_ephemeral)))
    state.mix_key(dh(resp_ephemeral, public(init_static)))
    state.mix_psk(psk)
    second += state.encrypt_and_hash(second_payload)
    return first, second, hkdf(state.chaining_key, b"", 2)


def prove_on_the_published_vector():
    payloads = [bytes.fromhex(payload) for payload, _ in PUBLISHED]
    first, second, keys = handshake(b"John Galt", payloads[0], payloads[1], bytes.fromhex(PSK))
    assert first.hex() == PUBLISHED[0][1]
    assert second.hex() == PUBLISHED[1][1]
    for key, payload, (_, sealed) in zip(keys, payloads[2:], PUBLISHED[2:]):
        assert ChaCha20Poly1305(key).encrypt(nonce(0), payload, b"").hex() == sealed


def print_wireguard(name, psk):
    timestamp = bytes.fromhex("400000006553f10a2b000000")
    first, second, keys = handshake(b"WireGuard v1 zx2c4 Jason@zx2c4.com", timestamp, b"", psk)
    initiation = bytes.fromhex("01000000" "04030201") + first
    response = bytes.fromhex("02000000" "08070605" "04030201") + second
    label = blake2s(b"mac1----" + public(bytes.fromhex(RESP_STATIC)))
    print(name)
    print("  initiation", initiation.hex())
    print("  mac1      ", hashlib.blake2s(initiation, key=label, digest_size=16).hexdigest())
    print("  response  ", response.hex())
    print("  keys      ", keys[0].hex(), keys[1].hex())


if __name__ == "__main__":
    prove_on_the_published_vector()
    print("initiator ", public(bytes.fromhex(INIT_STATIC)).hex())
    print("responder ", public(bytes.fromhex(RESP_STATIC)).hex())
    print_wireguard("with the preshared key", bytes.fromhex(PSK))
    print_wireguard("without", bytes(32))
