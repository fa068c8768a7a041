import Foundation
import Pipeline
import Stages
import Testing

@testable import Server

@Suite("Shipped pipeline files")
struct ShippedFilesTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "pipelines")

    static let sources: [SourceFile] = {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return files.filter { $0.hasSuffix(".yaml") && !$0.hasSuffix(".test.yaml") }.sorted().compactMap { name in
            (try? String(contentsOf: folder.appending(path: name), encoding: .utf8)).map {
                SourceFile(path: name, text: $0)
            }
        }
    }()

    static var loader: PipelineLoader {
        get throws {
            PipelineLoader(
                registry: try Registry(stages: BuiltIn.stages, resources: BuiltIn.resources),
                environment: Environment(), sections: ["host": HostSettings.self])
        }
    }

    @Test("each is good, without any variable set")
    func good() throws {
        #expect(Self.sources.count >= 5)
        for source in Self.sources {
            let loaded = try Self.loader.load(source)
            #expect(loaded.diagnostics == [], "\(source.path)")
            #expect(loaded.file != nil)
        }
    }
}
