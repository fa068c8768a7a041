import FoundationEssentials
import Testing

@testable import LocatedYAML
@testable import Pipeline

@Suite("Files are read as UTF-8 text with lines")
struct SourceFileTests {
    @Test(
        "lines are numbered from 1 and have no line breaks",
        arguments: [
            ("a\nb", ["a", "b"]), ("a\r\nb\r\n", ["a", "b", ""]), ("a\rb", ["a", "b"]), ("", [""]),
            ("\n\r\n\r", ["", "", "", ""]),
            ("é\u{2028}🚃\n日", ["é\u{2028}🚃", "日"]), ("\u{FEFF}a\nb", ["a", "b"]), ("a\n\rb", ["a", "", "b"]),
        ])
    func lines(text: String, lines: [String]) {
        let file = SourceFile(path: "f", text: text)
        #expect((1...lines.count).map { file.line($0).map { String($0) } } == lines)
        #expect(file.line(0) == nil && file.line(lines.count + 1) == nil)
    }

    @Test("places, positions and offsets agree everywhere in a text of many widths")
    func index() {
        let text = String(repeating: "aé日🚃\r\ne\u{301}\tx\n\r", count: 40)
        let index = TextIndex(text)
        var offset = 0
        var place = Pipeline.SourceLocation.start
        let scalars = Array(text.unicodeScalars)
        for (position, scalar) in scalars.enumerated() {
            #expect(index.offset(ofPosition: position) == offset)
            #expect(index.position(ofOffset: offset) == position)
            #expect(index.location(ofPosition: position) == place)
            #expect(index.location(ofOffset: offset) == place)
            #expect(index.offset(of: place) == offset)
            offset += UTF8.width(scalar)
            place.column += 1
            let endsLine =
                scalar == "\n" || (scalar == "\r" && (position + 1 == scalars.count || scalars[position + 1] != "\n"))
            if endsLine { place = Pipeline.SourceLocation(line: place.line + 1, column: 1) }
        }
        #expect(index.count == scalars.count)
        #expect(index.offset(ofPosition: scalars.count + 5) == offset)
    }

    /// Writes bytes into a file that is gone after the test.
    private func withFile<Result>(_ bytes: [UInt8], _ body: (String) throws -> Result) throws -> Result {
        let path = FileManager.default.temporaryDirectory.path + "/source-file-\(UInt64.random(in: 0 ... .max))"
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        return try body(path)
    }

    private func failure(_ bytes: [UInt8], limit: Int = SourceFile.sizeLimit) throws -> Diagnostic? {
        try withFile(bytes) { path in
            guard case .failure(let diagnostic) = SourceFile.load(path: path, limit: limit) else { return nil }
            #expect(diagnostic.path == path)
            return diagnostic
        }
    }

    @Test("a good file is read whole, without its byte order mark", arguments: [0, 1, 65_535, 65_536, 200_000])
    func good(size: Int) throws {
        let bytes = [0xEF, 0xBB, 0xBF] + [UInt8](repeating: UInt8(ascii: "x"), count: size)
        try withFile(bytes) { path in
            let file = try SourceFile.load(path: path).get()
            #expect(file.text.utf8.count == size)
            #expect(file.path == path)
        }
    }

    @Test(
        "the first byte that is not UTF-8 is named with its place",
        arguments: [
            ([0x61, 0x0A, 0xC3, 0xA9, 0xFF], 2, 2, "0xFF"), ([0xC3], 1, 1, "0xC3"), ([0x61, 0xE2, 0x82], 1, 2, "0xE2"),
            ([0x61, 0xE2, 0x82, 0x0A, 0x62], 1, 2, "0xE2"), ([0x0A, 0xED, 0xA0, 0x80], 2, 1, "0xED"),
            ([0xC0, 0xAF], 1, 1, "0xC0"),
            ([0x80], 1, 1, "0x80"),
        ] as [([UInt8], Int, Int, String)])
    func notUTF8(bytes: [UInt8], line: Int, column: Int, byte: String) throws {
        let diagnostic = try #require(try failure(bytes))
        #expect(diagnostic.code == .notUTF8)
        #expect(diagnostic.range?.start == Pipeline.SourceLocation(line: line, column: column))
        let problem = "the file is not UTF-8: the byte \(byte) is part of no character"
        #expect(diagnostic.message == "\(problem); save it as UTF-8")
    }

    @Test("UTF-16 is named", arguments: [[0xFF, 0xFE, 0x61, 0x00], [0xFE, 0xFF, 0x00, 0x61]] as [[UInt8]])
    func utf16(bytes: [UInt8]) throws {
        let diagnostic = try #require(try failure(bytes))
        #expect(diagnostic.code == .notUTF8)
        #expect(diagnostic.message == "the file is UTF-16; save it as UTF-8")
        #expect(diagnostic.range?.start == .start)
    }

    @Test("the limit is exact, and a device without an end stops at it")
    func tooLarge() throws {
        #expect(try failure([1, 2, 3, 4], limit: 4) == nil)
        #expect(try failure([1, 2, 3, 4, 5], limit: 4)?.code == .yamlTooLarge)
        #expect(throws: Diagnostic.self) { try SourceFile.load(path: "/dev/zero").get() }
    }

    @Test(
        "what can't be opened is a diagnostic",
        arguments: [
            ("/nowhere/f.yaml", "no such file"), ("/", "this is a directory, not a file"),
            ("a\0b", "the path holds a NUL character"),
        ])
    func unreadable(path: String, message: String) throws {
        guard case .failure(let diagnostic) = SourceFile.load(path: path) else {
            Issue.record("\(path) was read")
            return
        }
        #expect(diagnostic.code == .fileUnreadable)
        #expect(diagnostic.message == message)
        #expect(diagnostic.range == nil)
    }
}
