/// How a token may be signed: the names of RFC 7518 section 3.1 and RFC 8037 section 3.1.
package enum SignatureAlgorithm: String, Sendable, CaseIterable {
    case hs256 = "HS256"
    case hs384 = "HS384"
    case hs512 = "HS512"
    case rs256 = "RS256"
    case rs384 = "RS384"
    case rs512 = "RS512"
    case ps256 = "PS256"
    case es256 = "ES256"
    case es384 = "ES384"
    case edDSA = "EdDSA"

    /// Whether a secret signs, which whoever checks a signature could sign with as well.
    package var isSymmetric: Bool {
        switch self {
        case .hs256, .hs384, .hs512: true
        case .rs256, .rs384, .rs512, .ps256, .es256, .es384, .edDSA: false
        }
    }

    /// What of a text is signed; `nil` where the algorithm has a hash of its own.
    var hash: Hash? {
        switch self {
        case .hs256, .rs256, .ps256, .es256: .sha256
        case .hs384, .rs384, .es384: .sha384
        case .hs512, .rs512: .sha512
        case .edDSA: nil
        }
    }
}
