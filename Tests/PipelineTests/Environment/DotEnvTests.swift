import Testing

@testable import LocatedYAML
@testable import Pipeline

@Suite("Environment files are read as the dotenv tools read them")
struct DotEnvTests {
    private func parse(_ text: String) -> (variables: [String: String], report: [String]) {
        let source = SourceFile(path: ".env", text: text)
        var diagnostics = Diagnostics(source: source)
        let variables = DotEnv.parse(source, into: &diagnostics)
        return (variables, diagnostics.sorted.map { DiagnosticFormatter.text($0, source: source) })
    }

    @Test(
        "one variable",
        arguments: [
            ("K=v", "v"), ("K=v\n", "v"), ("K=v\r\n", "v"), ("\u{FEFF}K=v", "v"), ("  K = v  \n", "v"),
            ("export K=v", "v"), ("export\tK = v", "v"),
            ("K=", ""), ("K=\n", ""), ("K=   \n", ""), ("K=a b c", "a b c"), ("K=a # note", "a"), ("K=a\t# note", "a"),
            ("K=a#b", "a#b"), ("K=#b", "#b"),
            ("K= # note", ""), ("K=a=b=c", "a=b=c"), ("K='a'", "a"), ("K='a # b'", "a # b"),
            ("K='a\\n$X\"'", "a\\n$X\""), ("K='' # c", ""), ("K=\"a\"", "a"),
            ("K=\"\"", ""), ("K=\"a # b\" # c", "a # b"), ("K=\"a\\nb\\tc\\rd\"", "a\nb\tc\rd"),
            ("K=\"a\\\"b\\\\c\\$d\"", "a\"b\\c$d"), ("K=\"\\d+\\\\n\"", "\\d+\\n"),
            ("K=\"a\nb\n\nc\"\n", "a\nb\n\nc"), ("K=\"a\r\nb\"", "a\nb"), ("K='a\nb'", "a\nb"),
            ("K=\"a\\\nb\"", "a\\\nb"), ("K=it's", "it's"), ("K=é🚃 日", "é🚃 日"),
            ("K=a\\nb", "a\\nb"), ("K=1\nK=2", "2"), ("K=${A}", "${A}"), ("K=  \"a\"  ", "a"), ("K=x\rZ=y", "x"),
        ])
    func one(text: String, value: String) {
        let (variables, report) = parse(text)
        #expect(report.isEmpty)
        #expect(variables["K"] == value)
    }

    @Test("many variables among comments and blank lines")
    func many() {
        let text = """
            # a comment = none
              # another

            OPENAI_API_KEY=sk-1234 # mine
            export SUPABASE_URL="https://x.supabase.co"
            PEM="-----BEGIN-----
            abc=
            -----END-----"
            export = e
            a.b-c=dotted
            _=u
            LAST='x'
            """
        let (variables, report) = parse(text)
        #expect(report.isEmpty)
        #expect(
            variables == [
                "OPENAI_API_KEY": "sk-1234", "SUPABASE_URL": "https://x.supabase.co",
                "PEM": "-----BEGIN-----\nabc=\n-----END-----",
                "export": "e", "a.b-c": "dotted", "_": "u", "LAST": "x",
            ])
    }

    @Test(
        "a line that can't be read is reported without its text, and the others are read",
        arguments: [
            ("s3cret", ".env:2:7: error: expected '=' after the name"),
            ("export s3cret", ".env:2:14: error: expected '=' after the name"),
            ("s3 cret=1", ".env:2:4: error: expected '=' after the name"),
            ("=s3cret", ".env:2:1: error: expected a line of NAME=value; names are letters, digits and '_'"),
            ("1s3cret=1", ".env:2:1: error: expected a line of NAME=value; names are letters, digits and '_'"),
            ("é=s3cret", ".env:2:1: error: expected a line of NAME=value; names are letters, digits and '_'"),
            ("X=\"s3cret", ".env:2:3: error: the quote is not closed"),
            ("X='s3cret", ".env:2:3: error: the quote is not closed"),
            ("X='s3'cret", ".env:2:7: error: nothing but a comment may follow the closing quote"),
        ])
    func bad(line: String, message: String) {
        for ending in ["\n", "\r\n"] {
            let (variables, report) = parse("A=1\(ending)\(line)\(ending)B=2\(ending)")
            #expect(report == [message])
            #expect(variables == ["A": "1", "B": "2"])
        }
    }

    @Test("nothing is nothing", arguments: ["", "\n\n", "# only", "\r\n"])
    func empty(text: String) {
        let (variables, report) = parse(text)
        #expect(variables.isEmpty && report.isEmpty)
    }
}
