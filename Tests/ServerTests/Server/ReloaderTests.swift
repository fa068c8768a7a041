import Logging
import NIOPosix
import Pipeline
import Resources
import Stages
import Synchronization
import TestPatience
import Testing

@testable import Server

@Suite("A reload", .timeLimit(.minutes(1)))
struct ReloaderTests {
    /// What happens to resources; by the test's name, as pipeline files share nothing else with a test.
    private static let journals = Mutex<[String: [String]]>([:])

    private static func note(_ entry: String, of test: String) {
        journals.withLock { $0[test, default: []].append(entry) }
    }

    private static func journal(of test: String) -> [String] { journals.withLock { $0[test] ?? [] } }

    private struct Part: Resource {
        static let name = "part"
        @Setting("Whose journal.") var test: String
        @Setting("Whether it can't be opened.") var fails = false
        @Setting("What makes it another.") var version = 1

        func open(_ context: ResourceContext) async throws {
            note("open \(context.name) \(version)", of: test)
            if fails { throw PipelineError(.databaseUnavailable, "no") }
        }

        func close() async { note("close \(version)", of: test) }
    }

    private static func text(_ test: String, _ name: String, _ settings: String) -> String {
        """
        pipeline: \(name)
        resources:
          \(name): {part: {test: \(test), \(settings)}}
          model: echo
        stages:
          - receive: {path: /\(name)}
          - complete: {}
          - respond
        """
    }

    /// A reloader of two pipelines that are open, and what reads as their files the next time.
    private struct Setup {
        let reloader: Reloader
        let set: @Sendable ([String]) -> Void
    }

    private func setUp(_ test: String) async throws -> Setup {
        let registry = try Registry(
            stages: [Receive.self, Complete.self, Respond.self], resources: [Part.self, Echo.self])
        let loader = PipelineLoader(registry: registry, environment: Environment())
        let read: @Sendable ([String], [PipelineFile]) -> [LoadedPipeline] = { texts, former in
            texts.enumerated().map { index, text in
                loader.load(
                    SourceFile(path: "\(index).yaml", text: text),
                    after: former.indices.contains(index) ? former[index] : nil)
            }
        }
        let texts = TextBox([Self.text(test, "one", "version: 1"), Self.text(test, "two", "version: 1")])
        let files = try read(texts.value, []).map { try #require($0.file, "\($0.report)") }
        let pipelines = files.enumerated().compactMap { ServedPipeline($1, index: $0) }
        for pipeline in pipelines { try await pipeline.chain.open() }
        let access = AccessRules(isLoopback: true, origins: [], proxies: TrustedProxies(ranges: []))
        let routes = HostRoutes(rules: AdmissionRules(pipelines: pipelines, access: access))
        let connections = try await Connections(
            group: MultiThreadedEventLoopGroup.singleton, limits: HostLimits(), proxies: TrustedProxies(ranges: []),
            routes: routes)
        let source = PipelineSource(files: files, paths: []) { read(texts.value, $0) }
        let reloader = Reloader(
            source, routes: routes, connections: connections, settings: HostSettings(),
            credentials: HostCredentials(), address: AddressRule(address: "127.0.0.1", isInsecure: false),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        return Setup(reloader: reloader) { texts.value = $0 }
    }

    private final class TextBox: Sendable {
        private let texts: Mutex<[String]>
        init(_ texts: [String]) { self.texts = Mutex(texts) }
        var value: [String] {
            get { texts.withLock(\.self) }
            set { texts.withLock { $0 = newValue } }
        }
    }

    private func close(_ reloader: Reloader) async {
        await reloader.stop()
        for pipeline in await reloader.routes.pipelines { await pipeline.chain.close(within: .zero) }
    }

    private func eventually(_ condition: () async -> Bool) async -> Bool {
        let deadline = ContinuousClock.now + .patience(.seconds(10))
        while await !condition() {
            if ContinuousClock.now > deadline { return false }
            await Task.yield()
        }
        return true
    }

    @Test("of which one pipeline can't be opened closes those that were opened for it")
    func failedOpening() async throws {
        let setup = try await setUp("failedOpening")
        setup.set([
            Self.text("failedOpening", "one", "version: 2"),
            Self.text("failedOpening", "two", "version: 2, fails: true"),
        ])
        await setup.reloader.reload()
        #expect(
            Self.journal(of: "failedOpening") == [
                "open one 1", "open two 1", "open one 2", "open two 2", "close 2", "close 2",
            ])
        await close(setup.reloader)
        #expect(Self.journal(of: "failedOpening").suffix(2) == ["close 1", "close 1"])
    }

    @Test("keeps nothing of a pipeline whose last message has ended")
    func retired() async throws {
        let setup = try await setUp("retired")
        weak let former = await setup.reloader.routes.pipelines[0]
        former?.begin()
        for version in 2...3 {
            setup.set(["one", "two"].map { Self.text("retired", $0, "version: \(version)") })
            await setup.reloader.reload()
        }
        func closed(_ version: Int) -> Int {
            Self.journal(of: "retired").filter { $0 == "close \(version)" }.count
        }
        // Those that have no message, the last of them long after the one that has one was replaced.
        #expect(await eventually { closed(1) > 0 && closed(2) == 2 })
        #expect(closed(1) == 1)
        #expect(former != nil)
        former?.end()
        #expect(await eventually { former == nil })
        #expect(closed(1) == 2)
        await close(setup.reloader)
    }

    @Test("waits for the last of a pipeline's messages, not for the first")
    func lastMessage() async throws {
        let setup = try await setUp("lastMessage")
        let pipeline = await setup.reloader.routes.pipelines[0]
        for _ in 0..<2 { pipeline.begin() }
        Self.note("begun", of: "lastMessage")
        // It waits once this returns.
        let waiting = Task.immediate {
            await pipeline.waitUntilIdle()
            Self.note("idle", of: "lastMessage")
        }
        pipeline.end()
        // Beside tests that compute each takes its time: a few are enough for whoever would have been woken.
        for _ in 0..<20 { await Task.yield() }
        #expect(Self.journal(of: "lastMessage").last == "begun")
        pipeline.end()
        await waiting.value
        #expect(Self.journal(of: "lastMessage").last == "idle")
        await close(setup.reloader)
    }

    @Test("leaves a message unfinished that hangs until the host has to stop, which is said")
    func hanging() async throws {
        let setup = try await setUp("hanging")
        let former = await setup.reloader.routes.pipelines[1]
        former.begin()
        setup.set([Self.text("hanging", "one", "version: 1"), Self.text("hanging", "two", "version: 2")])
        await setup.reloader.reload()
        await setup.reloader.stop()
        let losses = await setup.reloader.closeRetired(until: .now, by: .now)
        #expect(losses.unfinished == 1)
        #expect(!losses.isEmpty)
        #expect(Self.journal(of: "hanging").filter { $0 == "close 1" }.count == 1)
        former.end()
        await close(setup.reloader)
    }

    @Test("after the host has begun to stop changes nothing")
    func stopped() async throws {
        let setup = try await setUp("stopped")
        await setup.reloader.stop()
        setup.set([Self.text("stopped", "one", "version: 2"), Self.text("stopped", "two", "version: 2")])
        await setup.reloader.reload()
        #expect(Self.journal(of: "stopped") == ["open one 1", "open two 1"])
        await close(setup.reloader)
    }

    @Test("whose files are bad in part changes nothing of the good ones")
    func badFile() async throws {
        let setup = try await setUp("badFile")
        setup.set([Self.text("badFile", "one", "version: 2"), Self.text("badFile", "two", "vershun: 2")])
        let former = await setup.reloader.routes.pipelines.map(ObjectIdentifier.init)
        await setup.reloader.reload()
        #expect(Self.journal(of: "badFile") == ["open one 1", "open two 1"])
        #expect(await setup.reloader.routes.pipelines.map(ObjectIdentifier.init) == former)
        await close(setup.reloader)
    }
}
