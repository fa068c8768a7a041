import Foundation
import JWTKit
import Pipeline
import Testing

@testable import Host

@Suite("JSON Web Tokens")
struct TokenVerifierTests {
    private static let now = Timestamp(microseconds: 1_800_000_000_000_000)
    private let good: [String: JSONValue] = [
        "sub": .string("user-7"), "name": .string("Ann"), "exp": .int(1_800_000_060), "iss": .string("issuer"),
    ]

    private func algorithm(_ secret: String = "a secret of at least thirty-two bytes") async throws -> any JWTAlgorithm
    {
        try await JWTKeyCollection().add(hmac: HMACKey(from: secret), digestAlgorithm: .sha256).getKey()
    }

    private func token(
        _ claims: [String: JSONValue], header: [String: JSONValue] = ["alg": .string("HS256")],
        by algorithm: any JWTAlgorithm
    ) throws -> String {
        let text = try "\(encoded(JSONEncoder().encode(header))).\(encoded(JSONEncoder().encode(claims)))"
        return try "\(text).\(encoded(Data(algorithm.sign(Array(text.utf8)))))"
    }

    private func encoded(_ data: Data) -> String {
        data.base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }

    private func verifier(
        _ algorithm: any JWTAlgorithm, id: String? = nil, issuer: String? = nil, audience: String? = nil,
        usernameClaim: String = "name"
    ) -> TokenVerifier {
        TokenVerifier(
            keys: [.init(id: id, algorithm: algorithm)], issuer: issuer, audience: audience,
            usernameClaim: usernameClaim)
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
    func identity() async throws {
        let key = try await algorithm()
        let identity = try verifier(key).identity(of: token(good, by: key), at: Self.now)
        #expect(identity == Identity(userID: "user-7", username: "Ann", expires: 1_800_000_060))
        let other = try verifier(key, usernameClaim: "iss").identity(of: token(good, by: key), at: Self.now)
        #expect(other.username == "issuer")
    }

    @Test("a token with another signature, or with none, lets nobody in")
    func forged() async throws {
        let key = try await algorithm()
        let verifier = verifier(key)
        let whole = try token(good, by: key)
        let parts = whole.split(separator: ".").map(String.init)
        var admin = good
        admin["sub"] = .string("admin")
        let adminPart = try token(admin, by: key).split(separator: ".")[1]
        let forged = [
            try token(good, by: await algorithm("another secret of thirty-two bytes!!")),
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
    func confusion() async throws {
        let privateKey = ES256PrivateKey()
        let algorithm = try await JWTKeyCollection().add(ecdsa: privateKey.publicKey).getKey()
        let secret = try await self.algorithm(privateKey.publicKey.pemRepresentation)
        #expect(failure(try token(good, by: secret), verifier(algorithm)) == .invalid)
        #expect(
            failure(try token(good, header: ["alg": .string("ES256")], by: secret), verifier(algorithm)) == .invalid)
        let signer = try await JWTKeyCollection().add(ecdsa: privateKey).getKey()
        #expect(failure(try token(good, header: ["alg": .string("ES256")], by: signer), verifier(algorithm)) == nil)
    }

    @Test("the key is the one the token names, where both have a name")
    func keyID() async throws {
        let key = try await algorithm()
        func header(_ id: String) -> [String: JSONValue] { ["alg": .string("HS256"), "kid": .string(id)] }
        #expect(failure(try token(good, header: header("a"), by: key), verifier(key, id: "a")) == nil)
        #expect(failure(try token(good, header: header("b"), by: key), verifier(key, id: "a")) == .invalid)
        #expect(failure(try token(good, header: header("b"), by: key), verifier(key)) == nil)
        #expect(failure(try token(good, by: key), verifier(key, id: "a")) == nil)
    }

    @Test("exp and nbf are honoured to the second")
    func times() async throws {
        let key = try await algorithm()
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
    func names() async throws {
        let key = try await algorithm()
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
    func subjects() async throws {
        let key = try await algorithm()
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
    func bytes() async throws {
        let key = try await algorithm()
        var claims = good
        (claims["iss"], claims["aud"]) = (.string("caf\u{E9}"), .string("caf\u{E9}"))
        let signed = try token(claims, by: key)
        #expect(failure(signed, verifier(key, issuer: "caf\u{E9}", audience: "caf\u{E9}")) == nil)
        #expect(failure(signed, verifier(key, issuer: "cafe\u{301}")) == .invalid)
        #expect(failure(signed, verifier(key, audience: "cafe\u{301}")) == .invalid)
    }
}
