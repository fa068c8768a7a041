import Pipeline
import Stages
import Testing

@testable import Server

@Suite("Settings of who may come in")
struct AuthSettingTests {
    private func load(_ host: String, environment: [String: String] = [:]) throws -> LoadedPipeline {
        let text = "pipeline: p\nhost: \(host)\nresources: {m: echo}\nstages: [receive, complete, respond]\n"
        let loader = PipelineLoader(
            registry: try Registry(stages: BuiltIn.stages, resources: BuiltIn.resources),
            environment: Environment(process: environment), sections: ["host": HostSettings.self])
        return loader.load(SourceFile(path: "p.yaml", text: text))
    }

    private func settings(_ host: String, environment: [String: String] = [:]) throws -> HostSettings? {
        try load(host, environment: environment).file?.sections["host"] as? HostSettings
    }

    @Test("nobody is asked by default, or where it says so")
    func none() throws {
        #expect(try settings("{drain: 1s}")?.auth.credentials == nil)
        #expect(try #require(try settings("{auth: none}")).auth.credentials == nil)
    }

    @Test("keys come from the environment, with or without a user")
    func keys() throws {
        let host = #"{auth: {keys: ["${KEY}", plain, {key: "${KEY}", user: ann}, 12345]}}"#
        let keys = try #require(try settings(host, environment: ["KEY": "s3cret"])?.auth.credentials?.keys)
        #expect(keys.map(\.key.revealed) == ["s3cret", "plain", "s3cret", "12345"])
        #expect(keys.map(\.user) == [nil, nil, "ann", nil])
        #expect(!"\(keys)".contains("s3cret"))
    }

    @Test(
        "what lets nobody in, or everybody, is an error at its place",
        arguments: [
            ("{auth: {}}", 14), ("{auth: {keys: []}}", 14), ("{auth: [a]}", 14), ("{auth: open}", 14),
            (#"{auth: {keys: [""]}}"#, 22), (#"{auth: {keys: ["${KEY:-}"]}}"#, 22), ("{auth: {keys: [{key: a}]}}", 22),
            (#"{auth: {keys: [{key: a, user: ""}]}}"#, 22), ("{auth: {jwt: {}}}", 20),
            ("{auth: {jwt: {secret: a, jwks: b}}}", 20), (#"{auth: {jwt: {secret: ""}}}"#, 29),
            ("{auth: {jwt: {sercet: a}}}", 21), ("{tls: {certificate: a}}", 13), ("{metrics: everybody}", 17),
            ("{trusted_proxies: [a]}", 26), ("{limits: {connections_per_address: -1}}", 42),
        ])
    func broken(host: String, column: Int) throws {
        let loaded = try load(host)
        #expect(loaded.hasErrors)
        #expect(loaded.diagnostics.first?.range?.start.line == 2)
        #expect(loaded.diagnostics.first?.range?.start.column == column, "\(loaded.report)")
    }

    @Test("a key without a name is said to have another user than before, at its place")
    func unnamed() throws {
        let loaded = try load(#"{auth: {keys: [{key: a, user: ann}, b, "c"]}}"#)
        #expect(!loaded.hasErrors)
        #expect(loaded.diagnostics.map { $0.range?.start.column } == [43, 46])
        #expect(loaded.diagnostics.first?.message.contains("user: key-2}") == true)
        #expect(loaded.diagnostics.last?.message.contains("user: key-3}") == true)
    }

    @Test("a user of a key keeps the rule for names", arguments: ["a\\u0085b", "\\u200d", "a\\u2028", "\\u00a0"])
    func badUser(name: String) throws {
        #expect(try load(#"{auth: {keys: [{key: a, user: "\#(name)"}]}}"#).hasErrors)
    }

    @Test(
        "a key in PEM is no secret: a public one is everybody's",
        arguments: ["PUBLIC KEY", "RSA PUBLIC KEY", "CERTIFICATE", "PRIVATE KEY", "EC PRIVATE KEY"])
    func keyAsSecret(name: String) throws {
        let pem = "-----BEGIN \(name)-----\nMCowBQYDK2VwAyEA\n-----END \(name)-----\n"
        let loaded = try load(#"{auth: {jwt: {secret: "${KEY}"}}}"#, environment: ["KEY": pem])
        let errors = loaded.diagnostics.filter { $0.severity == .error }
        #expect(errors.map { $0.range?.start.column } == [29] && errors.first?.message.contains("'public_key'") == true)
        #expect(!loaded.report.contains("MCow"), "\(loaded.report)")
    }

    @Test("a short secret is a warning")
    func shortSecret() throws {
        let loaded = try load("{auth: {jwt: {secret: short}}}")
        #expect(!loaded.hasErrors && loaded.diagnostics.count == 1)
        #expect(!loaded.report.contains("'short'"))
    }
}
