// `troupectl genkey | genpsk | pubkey`: keys from the kernel's randomness or from stdin, to stdout,
// one a line in base64 as wg(8) has them. Decides what is wiped and what is warned of. Keys are
// never taken from a command line, which everybody can read.
#pragma once

#include "messages/keys.hpp"

#include <string>

namespace troupe::tools {

secret_key new_private_key();
/// The key in the file, or for `-` on stdin, in base64 and for the caller to wipe. Throws
/// std::runtime_error, without a word of what was read, when that is no key, or others can read the
/// file.
std::string read_secret(const std::string& path);

/// A private key; X25519's clamping is done. Throws std::runtime_error when stdout takes it not,
/// as all of these.
void generate_private_key();
/// A preshared key: 32 random octets as they came.
void generate_preshared_key();
/// The public key of the private key on stdin. Throws std::runtime_error, without a word of what
/// was read, when that is no key.
void derive_public_key();

} // namespace troupe::tools
