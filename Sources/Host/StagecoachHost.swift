public import CoreMetrics
import Pipeline
import Stages
public import Tracing

/// A host with stages of its own beside the built-in ones, and every command of `stagecoach`:
///
/// ```swift
/// import Host
///
/// @main struct MyHost: StagecoachHost {
///     static let stages: [any Stage.Type] = [Shout.self]
/// }
/// ```
public protocol StagecoachHost: Sendable {
    /// Stages besides the built-in ones.
    static var stages: [any Stage.Type] { get }

    /// Resources besides the built-in ones.
    static var resources: [any Resource.Type] { get }

    /// Chains written in Swift, by name, which are served beside pipeline files, or without any:
    ///
    /// ```swift
    /// static var chains: [String: Chain] {
    ///     get throws { ["offline": try Chain(resources: ["model": Echo()]) { Receive(); Complete(); Respond() }] }
    /// }
    /// ```
    ///
    /// Every command takes the name of one as it takes a file's path. A reload leaves them as they are.
    ///
    /// - Throws: `Chain.BuildError` where one is not wired well, which every command then says.
    static var chains: [String: Chain] { get throws }

    /// Takes the traces; asked once, when the host starts. Without one, OpenTelemetry's environment variables say.
    static var tracer: (any Tracer)? { get }

    /// Takes the metrics besides `/metrics`; asked once, when the host starts.
    static var metrics: (any MetricsFactory)? { get }

    /// The commit that it was built from, for `--version`, the log and the metric `stagecoach_build_info`.
    static var commit: String { get }
}

extension StagecoachHost {
    /// No further stages.
    public static var stages: [any Stage.Type] { [] }

    /// No further resources.
    public static var resources: [any Resource.Type] { [] }

    /// No chains.
    public static var chains: [String: Chain] { [:] }

    /// As the environment says.
    public static var tracer: (any Tracer)? { nil }

    /// Nobody else.
    public static var metrics: (any MetricsFactory)? { nil }

    /// `unknown`.
    public static var commit: String { "unknown" }

    /// The built-in stages and resources and this host's own: what its pipeline files can name, also in tests.
    ///
    /// - Throws: `Registry.NameTaken` where two have one name.
    public static func registry() throws -> Registry {
        try Registry(stages: BuiltIn.stages + stages, resources: BuiltIn.resources + resources)
    }
}
