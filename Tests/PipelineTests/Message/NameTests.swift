import Testing

@testable import Pipeline

@Suite("Names")
struct NameTests {
    @Test(
        "what can be a name",
        arguments: [
            "a", "Ann Lee", "日本", "e\u{301}", "\u{1F468}\u{200D}\u{1F469}", " a ", "\u{E000}",
            String(repeating: "é", count: 128),
            String(repeating: "\u{10348}", count: 128),
        ])
    func good(name: String) {
        #expect(UserName.isValid(name))
    }

    @Test(
        "what can't",
        arguments: [
            "", " ", "\u{A0}", "\u{200B}", "\u{200D}\u{FEFF}", "\u{3000} ", "a\n", "a\0", "\u{7F}a", "a\u{85}",
            "a\u{2028}",
            "a\u{2029}b", "\u{9B}31m", String(repeating: "a", count: 129), String(repeating: "e\u{301}", count: 65),
        ])
    func bad(name: String) {
        #expect(!UserName.isValid(name))
    }

    @Test("texts that look the same are the same where their bytes are")
    func bytes() {
        let (composed, decomposed) = ("caf\u{E9}", "cafe\u{301}")
        #expect(composed == decomposed)
        #expect(!composed.isExactly(decomposed) && composed.isExactly("caf\u{E9}"))
        #expect(Set([composed, decomposed, composed].map { ExactText($0) }).count == 2)
        #expect(ExactText("\u{212A}") != ExactText("K"))
        #expect(Optional("a").isExactly("a") && String?.none.isExactly(nil) && !Optional("").isExactly(nil))
        #expect(Session(id: "s", userID: composed) != Session(id: "s", userID: decomposed))
        let users = [composed, decomposed].flatMap { name in
            [Row.User(Session(username: name)), Row.User(Session(username: "x", userID: name))]
        }
        #expect(Set(users).count == 4)
    }
}
