import Foundation
import Pipeline
import Testing

@testable import Server

@Suite("JSON Web Key Sets")
struct KeySetTests {
    private static let point =
        #""x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0""#
    static let document = #"{"keys": [{"kty": "EC", "crv": "P-256", "kid": "a", \#(point)}]}"#

    static func set(_ json: String = document) throws -> KeySet { try #require(KeySet(json.utf8)) }

    @Test(
        "a document without a list of keys is none",
        arguments: ["", "{}", "[]", "null", #"{"keys": {}}"#, #"{"keys": null}"#, "<html>"])
    func none(json: String) {
        #expect(KeySet(json.utf8) == nil)
    }

    @Test("a mark at the beginning and members that nobody knows don't matter")
    func lenient() throws {
        let set = try Self.set(
            "\u{FEFF}"
                + #"{"x": 1, "keys": [{"kty": "EC", "crv": "P-256", "use": null, "alg": null, "x5c": [7], \#(Self.point)}]}"#
        )
        #expect(set.keys.count == 1 && set.keys.first?.id == nil && set.notes == nil)
        #expect(set.contents == "1 key for ES256")
    }

    @Test(
        "what can't be used is passed over, and said",
        arguments: [
            (#"{"kty": "oct", "k": "c2VjcmV0"}"#, "symmetric", true), ("7", "can't be used", true),
            ("{}", "can't be used", true),
            (#"{"kty": "EC", "crv": "P-256", "use": "enc", \#(point)}"#, "something else", false),
            (#"{"kty": "EC", "crv": "P-256", "key_ops": ["encrypt"], \#(point)}"#, "something else", false),
            (#"{"kty": "EC", "crv": "P-256", "alg": "ES384", \#(point)}"#, "other algorithms", false),
            (#"{"kty": "EC", "crv": "P-256", "alg": "HS256", \#(point)}"#, "other algorithms", false),
            (#"{"kty": "EC", "crv": "secp256k1", \#(point)}"#, "other algorithms", false),
            (#"{"kty": "EC", "crv": "P-384", "alg": "ES256", \#(point)}"#, "other algorithms", false),
            (#"{"kty": "RSA", "alg": "HS256", "n": "AQAB", "e": "AQAB"}"#, "other algorithms", false),
            (#"{"kty": "RSA", "alg": "PS384", "n": "AQAB", "e": "AQAB"}"#, "other algorithms", false),
            (#"{"kty": "EC", "alg": "ES256"}"#, "other algorithms", false),
            (#"{"kty": "EC", "crv": "P-521", \#(point)}"#, "other algorithms", false),
            (#"{"kty": "OKP", "crv": "Ed448", "x": "AA"}"#, "other algorithms", false),
            (#"{"kty": "OKP", "crv": "X25519", "x": "AA"}"#, "other algorithms", false),
            (#"{"kty": "OKP", "crv": "Ed25519", "x": "AA"}"#, "can't be used", true),
            (#"{"kty": "EC", "crv": "P-384", \#(point)}"#, "can't be used", true),
            (#"{"kty": "EC", "crv": "P-256", "kid": 7, \#(point)}"#, "can't be used", true),
            (#"{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}"#, "can't be used", true),
            (#"{"kty": "RSA", "n": "", "e": ""}"#, "can't be used", true),
            (#"{"kty": "RSA", "e": "AQAB"}"#, "can't be used", true),
            (#"{"kty": "RSA", "n": "AQAB", "e": "AQAB"}"#, "can't be used", true),
        ])
    func passedOver(key: String, words: String, isFault: Bool) throws {
        let set = try Self.set(
            #"{"keys": [\#(key), {"kty": "EC", "crv": "P-256", "key_ops": ["verify"], \#(Self.point)}]}"#)
        #expect(set.keys.count == 1)
        #expect(set.notes?.hasPrefix("1 ") == true && set.notes?.contains(words) == true, "\(set.notes ?? "")")
        #expect(set.hasFaults == isFault)
    }

    @Test(
        "how long an answer is good is read as caches do",
        arguments: [
            ([], nil), (["no-store"], nil), (["max-age=60"], 60),
            (["public, Max-Age = 19845, must-revalidate"], 19_845),
            (["no-cache", "max-age=\"600\""], 600), (["s-maxage=7"], nil), (["max-age"], nil), (["max-age=-1"], nil),
            (["max-age=1.5"], nil),
            (["max-age="], nil), (["max-age=0"], 0), (["max-age=99999999999999999999999"], Int(Int32.max)),
            (["x-max-age=7"], nil),
        ] as [([String], Int?)])
    func maxAge(fields: [String], seconds: Int?) {
        #expect(KeySetRequest.maxAge(fields) == seconds.map { .seconds($0) })
    }

    @Test(
        "what begins with a scheme is an address, and all else a path",
        arguments: [
            ("https://a/b", true), ("HTTP://a", true), ("https:/a", true), ("http:", true), ("ftp://a", true),
            ("file:///a", true),
            ("keys.json", false), ("/etc/keys.json", false), ("./http://a", false), ("a b://c", false),
            ("//a/b", false), ("://a", false),
            ("c:keys", false), ("", false),
        ])
    func isAddress(text: String, isAddress: Bool) {
        #expect(KeySetAddress.isMeant(by: text) == isAddress)
    }

    @Test(
        "http is for loopback alone, and an address has nothing that is never sent or that should be a secret",
        arguments: [
            ("https://login.example/keys", nil), ("HTTPS://login.example:8443/keys?p=a", nil),
            ("http://localhost/k", nil),
            ("http://LOCALHOST:1/k", nil), ("http://127.0.0.1:1", nil), ("http://127.9.9.9/", nil),
            ("http://[::1]:1/k", nil),
            ("http://login.example/", "loopback"), ("http://localhost.example/", "loopback"),
            ("http://127.0.0.1.example/", "loopback"),
            ("http://127.1/", "loopback"), ("http://2130706433/", "loopback"), ("http://[::2]/", "loopback"),
            ("http://0.0.0.0/", "loopback"),
            ("https://a:b@c/", "password"), ("http://localhost@c/", "password"), ("https://a/#b", "fragment"),
            ("https://a#b", "fragment"),
            ("ftp://a", "path of a file"), ("https:", "no address"), ("https://", "no address"),
            ("https:///keys", "no address"),
            ("https://a:70000/", "no address"), ("https://a b/", "no address"), ("https://ä/", "no address"),
            ("https://a/\u{7}", "no address"),
        ])
    func problems(text: String, words: String?) {
        let problem = KeySetAddress.problem(of: text)
        #expect((problem == nil) == (words == nil), "\(problem ?? "")")
        if let words { #expect(problem?.contains(words) == true, "\(problem ?? "")") }
    }

    /// The numbers of a key are the issuer's word: whatever they are, a signature is checked and nothing ends.
    @Test("keys of any numbers can be asked", arguments: [0, 1, 3, 31, 32, 33, 255, 256, 257, 300, 2_048, 8_192])
    func numbers(size: Int) throws {
        let fills: [(Int) -> UInt8] = [
            { _ in 0 }, { _ in 0xFF }, { $0 == 0 ? 0x80 : 0 }, { UInt8(truncatingIfNeeded: $0 &* 167 | 1) },
        ]
        let numbers = fills.map { fill in
            Data((0..<size).map(fill)).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_")
                .replacing("=", with: "")
        }
        let signed = ["RS256", "PS256", "ES256", "ES384", "EdDSA"].flatMap { algorithm in
            numbers.compactMap {
                SignedToken(
                    "\(Data(#"{"alg":"\#(algorithm)"}"#.utf8).base64EncodedString().replacing("=", with: "")).e30.\($0)"
                )
            }
        }
        for number in numbers {
            let keys = ["", "AA", "AQ", "Ag", "Aw", "BA", "AQAB", "AAAAAQAB", "_____w", number].flatMap { exponent in
                [
                    #"{"kty": "RSA", "n": "\#(number)", "e": "\#(exponent)"}"#,
                    #"{"kty": "EC", "crv": "P-256", "x": "\#(number)", "y": "\#(exponent)"}"#,
                    #"{"kty": "EC", "crv": "P-384", "x": "\#(number)", "y": "\#(number)"}"#,
                    #"{"kty": "OKP", "crv": "Ed25519", "x": "\#(number)"}"#,
                ]
            }
            let set = try Self.set(#"{"keys": [\#(keys.joined(separator: ", "))]}"#)
            for token in signed { #expect(!token.isSigned(by: set.keys)) }
        }
    }
}
