import Foundation
import Testing

@testable import Pipeline

@Suite("A file of dead letters")
struct DeadLetterTests {
    private func inFolder(_ body: (String) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "letters-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        try await body(folder.appending(path: "deep/dead.jsonl").path)
    }

    private func letter(_ prompt: String, metadata: [String: JSONValue] = [:]) -> DeadLetter {
        var message = Message(
            prompt: prompt, session: Session(username: "ada", userID: "u-1"), clientID: "c", metadata: metadata)
        message.completion = Completion(text: "\u{2028}\"\u{0}", tokensUsed: 7, response: #"{"x":1}"#)
        message[Field("mood")] = .double(0.5)
        return DeadLetter(message, step: "persist", error: PipelineError(.stageFailed, "No", detail: "refused"))
    }

    @Test("gives back what was written, also what is nested as deep as a client may")
    func roundTrip() async throws {
        try await inFolder { path in
            let deep = (0..<510).reduce(JSONValue.null) { value, _ in .array([value]) }
            let letters = [letter("a", metadata: ["k": deep, "n": .double(.infinity)]), letter("b")]
            let file = DeadLetterFile(path: path)
            try file.append(letters)
            let read = try file.read()
            #expect(read.unreadable.isEmpty)
            #expect(read.letters.map(\.message.metadata) == [["k": deep, "n": .null], nil])
            #expect(read.letters[1].message == letters[1].message)
            #expect(read.letters.map(\.error.detail) == ["refused", "refused"])
        }
    }

    @Test("ends a line that was torn before it writes the next, and finds the letter behind one that was not ended")
    func torn() async throws {
        try await inFolder { path in
            let file = DeadLetterFile(path: path)
            try file.append([letter("a")])
            let whole = try Data(contentsOf: URL(filePath: path))
            try (whole + whole[..<80]).write(to: URL(filePath: path))
            try file.append([letter("b")])
            #expect(try file.read().letters.map(\.message.prompt) == ["a", "b"])
            #expect(try file.read().unreadable == [2])
            try (whole[..<80] + whole).write(to: URL(filePath: path))
            #expect(try file.read().letters.map(\.message.prompt) == ["a"])
            #expect(try file.read().unreadable == [1])
        }
    }

    @Test("goes to the file that has its name, also while another process moves it away")
    func moved() async throws {
        try await inFolder { path in
            let file = DeadLetterFile(path: path)
            try file.append([letter("a")])
            let locked = try LineFile(path: path).lock()
            let writing = Task.detached { try file.append([letter("b")]) }
            try FileManager.default.moveItem(atPath: path, toPath: path + ".moved")
            locked.unlock()
            try await writing.value
            #expect(try file.read().letters.map(\.message.prompt) == ["b"])
            #expect(try DeadLetterFile(path: path + ".moved").read().letters.map(\.message.prompt) == ["a"])
            #expect(throws: FileProblem.self) { try LineFile(path: path).move(to: path + ".moved") }
        }
    }

    @Test(
        "knows the folder of any path",
        arguments: [
            ("a", "."), ("a/b", "a"), ("a/b/", "a"), ("/a", "/"), ("/", "/"), ("a//b", "a"), ("/a/b", "/a"),
            ("./a", "."),
        ])
    func folders(path: String, folder: String) {
        #expect(DurableFiles.folder(of: path) == folder)
    }

    @Test("says which folder can't be made")
    func noFolder() throws {
        let problem = #expect(throws: FileProblem.self) { try LineFile(path: "/dev/null/x/dead.jsonl").append([10]) }
        #expect(problem?.description == "the folder '/dev/null' can't be made: Not a directory")
    }
}

@Suite("Dead letters that can't be written")
struct UnwritableLetterTests {
    @Test("leave their messages in the queue, keep nobody out, and are written once that works")
    func later() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "letters-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        // A file where the folder should be.
        try Data().write(to: folder)
        var policy = Chain.AsyncPolicy()
        policy.deadLetter = folder.appending(path: "dead.jsonl").path
        let journal = Journal<String>()
        let chain = try Chain {
            Probe { message in
                journal.note(message.prompt)
                if message.prompt.hasPrefix("bad") { throw SomeError() }
            }.label("store").async(policy)
        }
        try await chain.open()
        for prompt in ["bad 1", "good", "bad 2", "better"] {
            var message = Message(prompt: prompt)
            try await chain.run(&message)
        }
        await journal.wait(for: 4)
        let status = try #require(chain.queues.first)
        #expect(status.depth.messages >= 2 && status.depth.oldest != nil)
        try FileManager.default.removeItem(at: folder)
        #expect(await chain.close(within: .seconds(60)).isEmpty)
        let read = try DeadLetterFile(path: folder.appending(path: "dead.jsonl").path).read()
        #expect(read.letters.map(\.message.prompt) == ["bad 1", "bad 2"])
        #expect(journal.entries == ["bad 1", "good", "bad 2", "better"])
    }
}
