import Testing

@testable import Pipeline
@testable import PipelineCatalog

@Suite("The table of the types of settings")
struct SettingTypeTableTests {
    private func problems(of row: SettingTypeTable.Row) throws -> [String] {
        let source = SourceFile(path: "value", text: row.example + "\n")
        var diagnostics = Diagnostics(source: source)
        let raw = try #require(YAMLReader.read(source, into: &diagnostics))
        let root = Interpolation.apply(
            to: raw, environment: Environment(process: ["API_KEY": "k"]), into: &diagnostics)
        var reader = SettingReader(diagnostics: diagnostics, resources: [])
        reader.context = FileContext(registry: try Registry(stages: [Log.self]))
        guard row.type.read(root, with: &reader) != nil else { return ["nothing was read"] }
        return reader.diagnostics.sorted.map(\.message)
    }

    @Test("each example is a value of its type", arguments: SettingTypeTable.rows.indices)
    func examples(index: Int) throws {
        #expect(try problems(of: SettingTypeTable.rows[index]) == [])
    }

    @Test("each kind of value has a row")
    func kinds() {
        let rows = Set(SettingTypeTable.rows.map { kind($0.type.settingType) })
        let all: [SettingType] = [
            .string, .integer, .number, .boolean, .duration, .byteSize, .url, .secret, .choice([]), .list(.any),
            .dictionary(.any), .group([]), .any, .stages, .named("", .string),
        ]
        #expect(all.map(kind).filter { !rows.contains($0) } == [])
    }

    /// A new case of the enumeration does not compile here until somebody has thought of its row.
    private func kind(_ type: SettingType) -> String {
        switch type {
        case .string: "string"
        case .integer: "integer"
        case .number: "number"
        case .boolean: "boolean"
        case .duration: "duration"
        case .byteSize: "size"
        case .url: "url"
        case .secret: "secret"
        case .choice: "choice"
        case .list: "list"
        case .dictionary: "dictionary"
        case .group: "group"
        case .any: "any"
        case .stages: "stages"
        case .named: "named"
        // Names of resources are `@Uses`; the others are built of those above.
        case .resource, .either, .scalar, .other: "other"
        }
    }
}

private struct Log: Stage {
    static let name = "log"

    func run(_ message: inout Message) async throws {}
}
