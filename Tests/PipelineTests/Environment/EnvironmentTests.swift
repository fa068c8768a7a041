import FoundationEssentials
import Testing

@testable import LocatedYAML
@testable import Pipeline

@Suite("The environment is the process's, then the file's")
struct EnvironmentTests {
    /// A directory with files that is gone after the test.
    private func withDirectory(_ files: [String: String], _ body: (String) throws -> Void) throws {
        let path = FileManager.default.temporaryDirectory.path + "/environment-\(UInt64.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: path) }
        for (name, text) in files { try Data(text.utf8).write(to: URL(fileURLWithPath: "\(path)/\(name)")) }
        try body(path)
    }

    @Test("the process wins over the file, also with an empty value")
    func precedence() {
        let environment = Environment(process: ["A": "p", "B": ""], file: ["A": "f", "B": "f", "C": "f"])
        #expect(environment["A"] == "p")
        #expect(environment["B"] == "")
        #expect(environment["C"] == "f")
        #expect(environment["D"] == nil)
        #expect(environment.names == ["A", "B", "C"])
    }

    @Test("`.env` is read where there is one")
    func standard() throws {
        try withDirectory([".env": "A=file\nB=file\n"]) { directory in
            let (environment, diagnostics) = Environment.load(directory: directory, process: ["A": "process"])
            #expect(diagnostics.isEmpty)
            #expect(environment["A"] == "process" && environment["B"] == "file")
        }
    }

    @Test("`.env` may be missing, or a directory")
    func absent() throws {
        try withDirectory([:]) { directory in
            #expect(Environment.load(directory: directory, process: ["A": "1"]).diagnostics.isEmpty)
            try FileManager.default.createDirectory(atPath: "\(directory)/.env", withIntermediateDirectories: false)
            let (environment, diagnostics) = Environment.load(directory: directory, process: ["A": "1"])
            #expect(diagnostics.isEmpty)
            #expect(environment["A"] == "1")
        }
    }

    @Test("a file that was named must be there, and replaces `.env`")
    func named() throws {
        try withDirectory([".env": "A=1", "other": "B=2"]) { directory in
            let (environment, diagnostics) = Environment.load(
                envFile: "\(directory)/other", directory: directory, process: [:])
            #expect(diagnostics.isEmpty)
            #expect(environment.names == ["B"])
            let missing = Environment.load(envFile: "\(directory)/none", directory: directory, process: ["P": "1"])
            #expect(missing.diagnostics.map(\.code) == [.fileUnreadable])
            #expect(missing.diagnostics.first?.path == "\(directory)/none")
            #expect(missing.environment.names == ["P"])
            #expect(Environment.load(envFile: directory, process: [:]).diagnostics.map(\.code) == [.fileUnreadable])
        }
    }

    @Test("what is wrong in the file is returned with what is right")
    func problems() throws {
        try withDirectory([".env": "A=1\nbad\n"]) { directory in
            let (environment, diagnostics) = Environment.load(directory: directory, process: [:])
            #expect(diagnostics.map(\.code) == [.envFileSyntax])
            #expect(diagnostics.first?.range?.start.line == 2)
            #expect(environment["A"] == "1")
        }
    }

    @Test("the process's own variables are the default")
    func process() throws {
        let path = ProcessInfo.processInfo.environment["PATH"]
        #expect(Environment.load(directory: "/nowhere").environment["PATH"] == path)
    }

    @Test("printing it shows no value")
    func printing() {
        let environment = Environment(process: ["KEY": "s3cret"])
        var dumped = ""
        dump(environment, to: &dumped)
        #expect("\(environment)" == "Environment(1 variables)")
        #expect(!(dumped + String(reflecting: environment)).contains("s3cret"))
    }
}
