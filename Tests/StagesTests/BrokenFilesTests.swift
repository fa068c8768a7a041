import Foundation
import Pipeline
import PipelineTesting
import Stages
import Testing

/// Golden files: each `Broken/NAME.yaml` has beside it, in `NAME.expected`, exactly what `check` says about it.
///
/// `UPDATE_GOLDEN=1 swift test --filter BrokenFiles` writes the expectations anew; read the difference before you
/// commit it.
@Suite("Broken pipeline files")
struct BrokenFilesTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Broken")

    static let names: [String] = {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return files.filter { $0.hasSuffix(".yaml") }.map { String($0.dropLast(5)) }.sorted()
    }()

    private struct Limits: SettingGroup {
        @Setting("How many.", in: 1...) var connections = 10
        @Setting("How large.") var message = ByteSize.kibibytes(64)
        init() {}
    }

    private struct HostSection: SettingGroup {
        @Setting("Limits.") var limits = Limits()
        @Setting("How long.") var drain: Duration = .seconds(30)
        init() {}
    }

    @Test("there are at least forty of them")
    func count() {
        #expect(Self.names.count >= 40)
    }

    @Test("each gives exactly its diagnostics", arguments: names)
    func diagnostics(name: String) throws {
        let loader = PipelineLoader(
            registry: try Registry(stages: BuiltIn.stages, resources: BuiltIn.resources),
            environment: Environment(process: ["MODEL": "canary-value"]),
            sections: [TestSection.key: TestSection.self, "host": HostSection.self])
        let source = Self.folder.appending(path: "\(name).yaml").path
        let loaded = loader.load(path: source)
        let report = loaded.report.replacing("\(Self.folder.path)/", with: "") + "\n"
        let golden = Self.folder.appending(path: "\(name).expected")
        if ProcessInfo.processInfo.environment["UPDATE_GOLDEN"] != nil {
            try report.write(to: golden, atomically: true, encoding: .utf8)
        }
        #expect(report == (try String(contentsOf: golden, encoding: .utf8)))
        #expect(loaded.hasErrors == (loaded.file == nil))
        let works = [
            "no-reply", "fallback-to-itself", "slip-variables", "does-nothing", "does-nothing-alone",
            "slip-other-table",
        ]
        #expect(loaded.hasErrors || works.contains(name))
        #expect(!report.contains("canary-value"))
    }

    @Test("a megabyte of brackets is refused at its place, at once")
    func brackets() throws {
        let loader = PipelineLoader(
            registry: try Registry(stages: BuiltIn.stages), environment: Environment())
        let loaded = loader.load(SourceFile(path: "x.yaml", text: String(repeating: "[", count: 1 << 20)))
        #expect(loaded.file == nil)
        #expect(loaded.diagnostics.map(\.code) == [.yamlTooDeep])
        #expect(loaded.diagnostics.first?.range?.start.column == 65)
    }
}
