import Pipeline
import Stages
import Testing

@testable import Server

@Suite("What the console says of a pipeline")
struct ConsoleOutlineTests {
    private static let file = """
        pipeline: p
        host: {auth: {keys: [canary-of-a-client]}}
        resources:
          model: {openai: {url: "https://h/v1?canary=1", key: "${KEY}"}}
          database: {postgres: {url: "postgres://u:canary-pg@h/d"}}
        stages:
          - receive
          - http: {url: "https://h/x?key=canary-c", headers: {X-Any: "canary-d ${KEY}", Authorization: canary-e}, into: {metadata.a: .}}
          - exec: {command: [sh, -c, cat], writes: [metadata.x]}
          - complete: {model: gpt-x, extra: {api_key: canary-f, user: u}}
            timeout: 7s
          - persist: {table: requests}
            async: {capacity: 12}
          - respond
        """

    private func outline() throws -> String {
        let loader = PipelineLoader(
            registry: try Registry(stages: BuiltIn.stages, resources: BuiltIn.resources),
            environment: Environment(process: ["KEY": "canary-of-the-environment"]),
            sections: ["host": HostSettings.self])
        let loaded = loader.load(SourceFile(path: "p.yaml", text: Self.file))
        let file = try #require(loaded.file, "\(loaded.report)")
        let served = try #require(ServedPipeline(file))
        return ConsoleOutline(of: [served], files: [file], .loopback, .ids).text
    }

    @Test("no secret of the file or the environment, wherever it stands")
    func secrets() throws {
        let text = try outline()
        let places = text.ranges(of: "canary").map { text[$0.lowerBound...].prefix(30) }
        #expect(places.isEmpty, "\(places)")
    }

    @Test("settings as the file says them, defaults, modifiers and variables by their names")
    func settings() throws {
        let text = try outline()
        for part in [
            #"{"name":"model","value":"gpt-x"}"#, #"{"name":"timeout","value":"7s"}"#,
            #"{"name":"async","value":"{capacity: 12}"}"#, #"{"name":"table","value":"requests"}"#,
            #"{"name":"stream","value":"false","default":true}"#, #"user: u"#,
        ] { #expect(text.contains(part), "\(part)") }
    }

    @Test("the picture has a group for each step, with room for figures, and one for the queue")
    func picture() throws {
        let text = try outline()
        for label in ["receive", "complete", "persist", "respond"] {
            #expect(text.contains(#"<g class=\"stage\" data-stage=\"\#(label)\">"#))
        }
        #expect(text.contains(#"data-queue=\"persist\""#))
        #expect(text.contains("What a client waits for"))
    }
}
