import Cryptography
import Foundation
import Pipeline
import TestSigning
import Testing

@testable import Server

@Suite("JSON Web Tokens")
struct TokenVerifierTests {
    private static let now = Timestamp(microseconds: 1_800_000_000_000_000)
    private let good: [String: JSONValue] = [
        "sub": .string("user-7"), "name": .string("Ann"), "exp": .int(1_800_000_060), "iss": .string("issuer"),
    ]

    /// Who signs, and what that is checked with.
    private struct Signer {
        let key: VerificationKey
        let sign: ([UInt8]) -> [UInt8]
    }

    private func signer(_ secret: String = "a secret of at least thirty-two bytes") -> Signer {
        let secret = Array(secret.utf8)
        return Signer(key: .secret(secret)) { TestSigner.code(of: $0, secret: secret, by: .hs256) }
    }

    private func token(
        _ claims: [String: JSONValue], header: [String: JSONValue] = ["alg": .string("HS256")], by signer: Signer
    ) throws -> String {
        let text = try "\(encoded(JSONEncoder().encode(header))).\(encoded(JSONEncoder().encode(claims)))"
        return "\(text).\(encoded(Data(signer.sign(Array(text.utf8)))))"
    }

    private func encoded(_ data: Data) -> String {
        data.base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }

    private func verifier(
        _ signer: Signer, id: String? = nil, issuer: String? = nil, audience: String? = nil,
        usernameClaim: String = "name"
    ) -> TokenVerifier {
        TokenVerifier(
            keys: [.init(id: id, key: signer.key)], issuer: issuer, audience: audience, usernameClaim: usernameClaim)
    }

    private func failure(_ token: String, _ verifier: TokenVerifier) -> AuthFailure? {
        do throws(AuthFailure) {
            _ = try verifier.identity(of: token, at: Self.now)
            return nil
        } catch {
            return error
        }
    }

    @Test("a signed token says who somebody is, by which name, and for how long")
    func identity() throws {
        let key = signer()
        let identity = try verifier(key).identity(of: token(good, by: key), at: Self.now)
        #expect(identity == Identity(userID: "user-7", username: "Ann", expires: 1_800_000_060))
        let other = try verifier(key, usernameClaim: "iss").identity(of: token(good, by: key), at: Self.now)
        #expect(other.username == "issuer")
    }

    @Test("a token with another signature, or with none, lets nobody in")
    func forged() throws {
        let key = signer()
        let verifier = verifier(key)
        let whole = try token(good, by: key)
        let parts = whole.split(separator: ".").map(String.init)
        var admin = good
        admin["sub"] = .string("admin")
        let adminPart = try token(admin, by: key).split(separator: ".")[1]
        let forged = [
            try token(good, by: signer("another secret of thirty-two bytes!!")),
            "\(parts[0]).\(adminPart).\(parts[2])", "\(parts[0]).\(parts[1]).", "\(parts[0]).\(parts[1])", whole + ".x",
            whole + "=", "", ".", "..", "\(parts[0]).\(parts[1]).!!!", String(whole.dropLast(4)),
            try token(good, header: ["alg": .string("none")], by: key),
            try token(good, header: ["alg": .string("HS512")], by: key),
            try token(good, header: ["alg": .string("RS256")], by: key), try token(good, header: [:], by: key),
            try token(good, header: ["alg": .string("HS256"), "crit": .array([.string("b64")])], by: key),
        ]
        for token in forged { #expect(failure(token, verifier) == .invalid, "\(token)") }
    }

    @Test("a key that signs by one algorithm is not used with another: a public key is no secret")
    func confusion() throws {
        let pair = Signer(key: .publicKey(TestSigner.p256.publicKey)) { TestSigner.p256.sign($0, by: .es256) }
        let secret = signer(TestSigner.p256.pem)
        #expect(failure(try token(good, by: secret), verifier(pair)) == .invalid)
        #expect(failure(try token(good, header: ["alg": .string("ES256")], by: secret), verifier(pair)) == .invalid)
        #expect(failure(try token(good, header: ["alg": .string("ES256")], by: pair), verifier(pair)) == nil)
    }

    @Test("a key is used with the algorithm that its issuer names, and with no other of its kind")
    func namedAlgorithm() throws {
        let key = VerificationKey.publicKey(TestSigner.rsa.publicKey)
        for algorithm in key.algorithms {
            let signer = Signer(key: key) { TestSigner.rsa.sign($0, by: algorithm) }
            let token = try token(good, header: ["alg": .string(algorithm.rawValue)], by: signer)
            #expect(failure(token, verifier(signer)) == nil)
            for named in key.algorithms {
                let verifier = TokenVerifier(
                    keys: [.init(id: nil, key: key, algorithm: named)], issuer: nil, audience: nil,
                    usernameClaim: "name")
                #expect(failure(token, verifier) == (named == algorithm ? nil : .invalid), "\(named)")
            }
        }
    }

    @Test("a token with a changed bit anywhere lets nobody in")
    func flipped() throws {
        let key = signer()
        let (whole, reader) = (Array(try token(good, by: key).utf8), verifier(key))
        #expect(failure(String(decoding: whole, as: UTF8.self), reader) == nil)
        for index in whole.indices {
            for bit: UInt8 in [1, 2, 4, 8, 16, 32] {
                var changed = whole
                changed[index] ^= bit
                #expect(failure(String(decoding: changed, as: UTF8.self), reader) == .invalid, "\(index), \(bit)")
            }
        }
    }

    @Test("the key is the one the token names, where both have a name")
    func keyID() throws {
        let key = signer()
        func header(_ id: String) -> [String: JSONValue] { ["alg": .string("HS256"), "kid": .string(id)] }
        #expect(failure(try token(good, header: header("a"), by: key), verifier(key, id: "a")) == nil)
        #expect(failure(try token(good, header: header("b"), by: key), verifier(key, id: "a")) == .invalid)
        #expect(failure(try token(good, header: header("b"), by: key), verifier(key)) == nil)
        #expect(failure(try token(good, by: key), verifier(key, id: "a")) == nil)
    }

    @Test("exp and nbf are honoured to the second")
    func times() throws {
        let key = signer()
        func outcome(_ claim: String, _ value: JSONValue) throws -> AuthFailure? {
            var claims = good
            claims[claim] = value
            return failure(try token(claims, by: key), verifier(key))
        }
        #expect(try outcome("exp", .int(1_800_000_001)) == nil)
        #expect(try outcome("exp", .int(1_800_000_000)) == .expired)
        #expect(try outcome("exp", .double(1_800_000_000.5)) == nil)
        #expect(try outcome("exp", .int(0)) == .expired)
        #expect(try outcome("exp", .string("1900000000")) == .invalid)
        #expect(try outcome("exp", .null) == .invalid)
        #expect(try outcome("nbf", .int(1_800_000_000)) == nil)
        #expect(try outcome("nbf", .int(1_800_000_001)) == .invalid)
    }

    @Test("issuer and audience are checked where the settings name them")
    func names() throws {
        let key = signer()
        let plain = try token(good, by: key)
        #expect(failure(plain, verifier(key, issuer: "issuer")) == nil)
        #expect(failure(plain, verifier(key, issuer: "other")) == .invalid)
        #expect(failure(plain, verifier(key, audience: "chat")) == .invalid)
        for (audience, outcome) in [
            (JSONValue.string("chat"), nil), (.array([.string("x"), .string("chat")]), nil),
            (.array([]), AuthFailure.invalid), (.string("chats"), .invalid), (.int(1), .invalid),
        ] {
            var claims = good
            claims["aud"] = audience
            #expect(failure(try token(claims, by: key), verifier(key, audience: "chat")) == outcome)
        }
    }

    @Test("who a token is about must be a name, and so must the username that it says")
    func subjects() throws {
        let key = signer()
        let wrong: [JSONValue?] = [
            nil, .int(7), .string(""), .string("a\nb"), .string(String(repeating: "x", count: 129)),
        ]
        for subject in wrong {
            var claims = good
            claims["sub"] = subject
            #expect(failure(try token(claims, by: key), verifier(key)) == .invalid)
            claims = good
            claims["name"] = subject
            if case .string = subject {
                #expect(failure(try token(claims, by: key), verifier(key)) == .invalid)
            } else {
                #expect(try verifier(key).identity(of: token(claims, by: key), at: Self.now).username == nil)
            }
        }
        for (subject, outcome) in [
            ("key-0123456789ab", AuthFailure.invalid), ("key-0123456789AB", .invalid), ("key-1", nil),
            ("key-0123456789a", nil), ("key-0123456789abc", nil), ("key-0123456789xy", nil), ("Key-0123456789ab", nil),
        ] {
            var claims = good
            claims["sub"] = .string(subject)
            #expect(failure(try token(claims, by: key), verifier(key)) == outcome, "\(subject)")
        }
    }

    @Test("issuer and audience are those of the settings byte for byte")
    func bytes() throws {
        let key = signer()
        var claims = good
        (claims["iss"], claims["aud"]) = (.string("caf\u{E9}"), .string("caf\u{E9}"))
        let signed = try token(claims, by: key)
        #expect(failure(signed, verifier(key, issuer: "caf\u{E9}", audience: "caf\u{E9}")) == nil)
        #expect(failure(signed, verifier(key, issuer: "cafe\u{301}")) == .invalid)
        #expect(failure(signed, verifier(key, audience: "cafe\u{301}")) == .invalid)
    }
}
