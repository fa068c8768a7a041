import Testing

@testable import Cryptography

@Suite("The comparison of secrets")
struct SecretComparisonTests {
    @Test(
        "only the secret is equal to it",
        arguments: [
            ("secret", true), ("Secret", false), ("secres", false), ("secre", false), ("secrets", false), ("", false),
            ("secretsecret", false), ("secret\0", false),
        ])
    func comparison(text: String, isEqual: Bool) {
        #expect(SecretComparison.isEqual(Array(text.utf8), to: Array("secret".utf8)) == isEqual)
    }

    @Test("nothing is equal to nothing alone")
    func empty() {
        #expect(SecretComparison.isEqual([], to: []))
        #expect(!SecretComparison.isEqual([0], to: []) && !SecretComparison.isEqual([], to: [0]))
    }
}
