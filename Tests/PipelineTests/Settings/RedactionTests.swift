import Pipeline
import Testing

@Suite("Secrets are taken out of texts")
struct RedactionTests {
    @Test(
        "whole, by their words, and the password of an address",
        arguments: [
            ("the key sk-1234567890 it was", "the key <secret> it was"),
            ("sk-1234567890sk-1234567890", "<secret><secret>"),
            ("sent 'Bearer abcdefgh'", "sent '<secret>'"),
            ("abcdefgh alone", "<secret> alone"),
            ("at postgres://ada:pass:word@host/db", "at <secret>"),
            ("the password is pass:word", "the password is <secret>"),
            ("sk-1234567890\u{301} with an accent", "<secret>\u{301} with an accent"),
            ("nothing of it", "nothing of it"),
        ])
    func takenOut(text: String, expected: String) {
        let redact = Redaction([
            Secret("sk-1234567890"), Secret("Bearer abcdefgh"), Secret("postgres://ada:pass:word@host/db"), Secret(""),
        ])
        #expect(redact(text) == expected)
    }

    @Test("short ones only where they stand as a word")
    func short() {
        #expect(Redaction([Secret("k")])("k, kk and 'k': like k_k") == "<secret>, kk and '<secret>': like k_k")
    }

    @Test("one that is a part of another leaves nothing of it")
    func nested() {
        #expect(Redaction([Secret("123456"), Secret("0123456789")])("0123456789 123456") == "<secret> <secret>")
    }

    @Test("all of a value are found, in groups, lists and mappings")
    func found() {
        var stage = Keeper()
        stage.key = Secret("one")
        stage.more = ["a": Secret("two")]
        stage.group.list = [Secret("three")]
        stage.maybe = Secret("four")
        #expect(Set(Secret.all(in: stage).map(\.revealed)) == ["one", "two", "three", "four"])
    }
}

private struct Keeper: Stage {
    struct Group: SettingGroup {
        @Setting("Secrets.") var list: [Secret] = []
    }

    static let name = "keeper"
    @Setting("A key.") var key = Secret("")
    @Setting("More keys.") var more: [String: Secret] = [:]
    @Setting("Still more.") var group = Group()
    @Setting("One that may be left out.") var maybe: Secret?

    func run(_ message: inout Message) async throws {}
}
