import Foundation
import Testing

@testable import Pipeline
@testable import PipelineCatalog

/// Has settings of every kind, and a list of stages of its own.
private struct Everything: Stage {
    static let name = "everything"
    static let summary = "Has it all."

    struct Inner: SettingGroup {
        @Setting("How deep.", in: 1...9) var depth = 2
        init() {}
    }

    struct Stages: SettingValue {
        static let settingType = SettingType.stages
        static func read(_ node: Node, with reader: inout SettingReader) -> Stages? { Stages() }
    }

    @Setting("A must.") var must: String
    @Setting("How many.", in: 1...) var count = 3
    @Setting("How long.") var time: Duration = .seconds(5)
    @Setting("How large.") var size: ByteSize?
    @Setting("Names.") var names: [String] = []
    @Setting("More.") var inner = Inner()
    @Setting("Whatever.") var free: [String: JSONSetting] = [:]
    @Setting("Stages.") var stages = Stages()

    func run(_ message: inout Message) async throws {}
}

@Suite("The schema of pipeline files")
struct PipelineSchemaTests {
    private func schema() throws -> JSONValue {
        let registry = try Registry(stages: [Entry.self, Everything.self, Reply.self])
        let text = PipelineSchema(registry).json
        return try JSONDecoder().decode(JSONValue.self, from: Data(text.utf8))
    }

    private func settings() throws -> [String: JSONValue] {
        let definition = try schema()["definitions"]["stage.everything"]
        #expect(definition["required"] == .array([.string("must")]))
        #expect(definition["additionalProperties"] == .bool(false))
        guard case .object(let properties) = definition["properties"] else { return [:] }
        return properties
    }

    @Test("has each setting with its help, its default and its range")
    func help() throws {
        let settings = try settings()
        #expect(settings.keys.sorted() == ["count", "free", "inner", "must", "names", "size", "stages", "time"])
        #expect(settings["must"]?["description"] == .string("A must."))
        #expect(settings["count"]?["description"] == .string("How many. Default: 3."))
        #expect(settings["count"]?["default"] == .int(3))
        #expect(settings["count"]?["anyOf"][0] == .object(["type": .string("integer"), "minimum": .int(1)]))
        #expect(settings["time"]?["default"] == .string("5s"))
        #expect(settings["inner"]?["properties"]["depth"]["anyOf"][0]["maximum"] == .int(9))
        #expect(settings["free"]?["additionalProperties"] == .object([:]))
    }

    @Test("lets a stage hold stages, by the one description of a list of them")
    func recursion() throws {
        #expect(try settings()["stages"]?["allOf"][0] == .object(["$ref": .string("#/definitions/stages")]))
        #expect(try schema()["definitions"]["stages"]["items"] == .object(["$ref": .string("#/definitions/stage")]))
    }

    @Test("takes a bare name only where nothing is required, and each name once in an entry")
    func entries() throws {
        let stage = try schema()["definitions"]["stage"]
        #expect(stage["anyOf"][0]["enum"] == .array([.string("entry"), .string("reply")]))
        let entry = stage["anyOf"][1]
        #expect(entry["properties"]["everything"]["description"] == .string("Has it all."))
        for modifier in PipelineWords.modifiers { #expect(entry["properties"][modifier] != .null) }
        #expect(
            entry["oneOf"]
                == .array(["entry", "everything", "reply"].map { .object(["required": .array([.string($0)])]) }))
    }

    @Test("is the same text for the same declarations")
    func stable() throws {
        let registry = try Registry(stages: [Entry.self, Everything.self, Reply.self])
        let text = PipelineSchema(registry).json
        for _ in 0..<5 { #expect(PipelineSchema(registry).json == text) }
    }
}

extension JSONValue {
    fileprivate subscript(key: String) -> JSONValue {
        if case .object(let members) = self { members[key] ?? .null } else { .null }
    }

    fileprivate subscript(index: Int) -> JSONValue {
        if case .array(let elements) = self, elements.indices.contains(index) { elements[index] } else { .null }
    }
}
