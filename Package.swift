// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

let package = Package(
    name: "stagecoach",
    products: [
        .library(name: "Pipeline", targets: ["Pipeline"]),
        .library(name: "PipelineTesting", targets: ["PipelineTesting"]),
        .library(name: "Stages", targets: ["Resources", "Stages"]),
        .library(name: "Host", targets: ["Host"]),
        .executable(name: "stagecoach", targets: ["stagecoach"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-distributed-tracing", from: "1.7.3"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        .systemLibrary(name: "CYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
        .systemLibrary(name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        .systemLibrary(name: "COpenSSL", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CPostgres", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .target(name: "CEvents"),
        .target(name: "CMalloc"),
        // Not linked, but loaded where it is used: its header is Debian's libnats-dev.
        .target(name: "CNATS"),
        .target(name: "CPages", exclude: ["files"]),
        // Not by pkg-config: of its flags, SwiftPM takes no -pthread.
        .target(name: "CPattern", linkerSettings: [.linkedLibrary("re2")]),
        .target(name: "CProcess"),
        .systemLibrary(name: "CTicks"),
        .target(name: "LocatedYAML", dependencies: ["CYAML"], swiftSettings: strict),
        .target(
            name: "Pipeline",
            dependencies: [
                "CPattern",
                "CTicks",
                "LocatedYAML",
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Tracing", package: "swift-distributed-tracing"),
            ],
            swiftSettings: strict
        ),
        .target(name: "PipelineCatalog", dependencies: ["Pipeline"], swiftSettings: strict),
        .target(
            name: "PipelineTesting",
            dependencies: ["Pipeline", .product(name: "Logging", package: "swift-log")],
            swiftSettings: strict
        ),
        .target(name: "Cryptography", dependencies: ["COpenSSL"], swiftSettings: strict),
        .target(name: "Threads", dependencies: ["CEvents"], swiftSettings: strict),
        .target(name: "HTTPClient", dependencies: ["CCurl", "CEvents", "Threads"], swiftSettings: strict),
        .target(name: "NATS", dependencies: ["CEvents", "CNATS", "Pipeline", "Threads"], swiftSettings: strict),
        .target(
            name: "Resources",
            dependencies: [
                "CPostgres",
                "HTTPClient",
                "NATS",
                "Pipeline",
                "Threads",
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "GRDBSQLite", package: "GRDB.swift"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Tracing", package: "swift-distributed-tracing"),
            ],
            swiftSettings: strict
        ),
        .target(
            name: "Stages",
            dependencies: [
                "CEvents",
                "CProcess",
                "Cryptography",
                "HTTPClient",
                "Pipeline",
                "Resources",
                "Threads",
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Tracing", package: "swift-distributed-tracing"),
            ],
            swiftSettings: strict
        ),
        .target(
            name: "WebSocketCodec",
            dependencies: [
                "CZlib",
                "Cryptography",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ],
            swiftSettings: strict
        ),
        .target(
            name: "Server",
            dependencies: [
                "CEvents",
                "CMalloc",
                "CPages",
                "CZlib",
                "Cryptography",
                "HTTPClient",
                "Pipeline",
                "PipelineCatalog",
                "Threads",
                "WebSocketCodec",
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "Tracing", package: "swift-distributed-tracing"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            swiftSettings: strict
        ),
        .target(
            name: "Host",
            dependencies: [
                "HTTPClient",
                "Pipeline",
                "PipelineCatalog",
                "PipelineTesting",
                "Resources",
                "Server",
                "Stages",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "Tracing", package: "swift-distributed-tracing"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "stagecoach", dependencies: ["Host"], swiftSettings: strict, plugins: ["BuiltCommit"]),
        .plugin(name: "BuiltCommit", capability: .buildTool()),
        .executableTarget(
            name: "microbenchmarks",
            dependencies: [
                "CYAML",
                "HTTPClient",
                "Pipeline",
                "Resources",
                "Server",
                "Stages",
                "WebSocketCodec",
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            path: "Benchmarks/Sources/microbenchmarks",
            swiftSettings: strict),
        .executableTarget(
            name: "AutobahnEcho",
            dependencies: [
                "Pipeline",
                "Server",
                "WebSocketCodec",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            path: "Tests/AutobahnEcho",
            swiftSettings: strict),
        .target(
            name: "FuzzTargets",
            dependencies: [
                "HTTPClient",
                "Pipeline",
                "PipelineTesting",
                "Resources",
                "Server",
                "Stages",
                "WebSocketCodec",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ],
            path: "Tests/FuzzTargets",
            exclude: ["Corpus"],
            swiftSettings: strict),
        .target(name: "TestFrames", path: "Tests/TestFrames", swiftSettings: strict),
        .target(name: "TestPatience", path: "Tests/TestPatience", swiftSettings: strict),
        .target(name: "TestRandom", path: "Tests/TestRandom", swiftSettings: strict),
        .target(name: "TestShared", dependencies: ["Pipeline"], path: "Tests/TestShared", swiftSettings: strict),
        .testTarget(
            name: "PipelineTests",
            dependencies: [
                "LocatedYAML",
                "Pipeline",
                "PipelineCatalog",
                "TestPatience",
                "TestRandom",
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "InMemoryTracing", package: "swift-distributed-tracing"),
                .product(name: "MetricsTestKit", package: "swift-metrics"),
                .product(name: "Tracing", package: "swift-distributed-tracing"),
            ],
            swiftSettings: strict),
        .target(
            name: "TestSigning", dependencies: ["COpenSSL", "Cryptography"], path: "Tests/TestSigning",
            swiftSettings: strict),
        .testTarget(
            name: "CryptographyTests", dependencies: ["COpenSSL", "Cryptography", "TestSigning"], swiftSettings: strict),
        .testTarget(
            name: "HTTPClientTests", dependencies: ["CEvents", "HTTPClient", "TestLoops", "TestPatience"],
            swiftSettings: strict),
        .target(name: "TestNATS", path: "Tests/TestNATS", swiftSettings: strict),
        .target(name: "TestLoops", dependencies: ["Threads"], path: "Tests/TestLoops", swiftSettings: strict),
        .testTarget(name: "ThreadsTests", dependencies: ["Threads"], swiftSettings: strict),
        .testTarget(
            name: "NATSTests", dependencies: ["NATS", "Pipeline", "TestLoops", "TestNATS", "Threads"],
            swiftSettings: strict),
        .testTarget(
            name: "ResourcesTests",
            dependencies: [
                "HTTPClient", "NATS", "Pipeline", "PipelineTesting", "Resources", "TestNATS", "TestPatience",
                "TestRandom",
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "StagesTests",
            dependencies: [
                "Pipeline", "PipelineTesting", "Resources", "Stages", "TestPatience", "TestRandom", "TestShared",
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "Logging", package: "swift-log"),
            ],
            exclude: ["Broken"], swiftSettings: strict),
        .testTarget(
            name: "PipelineTestingTests",
            dependencies: [
                "Pipeline", "PipelineTesting", "Resources", "Stages", .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "WebSocketCodecTests",
            dependencies: [
                "CZlib",
                "TestFrames",
                "TestRandom",
                "WebSocketCodec",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "HostTests",
            dependencies: ["FuzzTargets", "Host", "Pipeline", "Resources", "Server", "Stages", "TestRandom"],
            swiftSettings: strict),
        .testTarget(
            name: "ServerTests",
            dependencies: [
                "Cryptography",
                "Pipeline",
                "PipelineCatalog",
                "Resources",
                "Server",
                "Stages",
                "TestFrames",
                "TestPatience",
                "TestRandom",
                "TestShared",
                "TestSigning",
                "WebSocketCodec",
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "MetricsTestKit", package: "swift-metrics"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "Tracing", package: "swift-distributed-tracing"),
            ],
            exclude: ["Guarantees/Against"], swiftSettings: strict),
    ],
    cxxLanguageStandard: .cxx17
)

// libFuzzer's driver is there only where the compiler is told to add it, as scripts/fuzz does.
if Context.environment["STAGECOACH_FUZZ"] != nil {
    package.targets += [
        .systemLibrary(name: "CFuzzer", path: "Tests/CFuzzer"),
        .executableTarget(
            name: "fuzz", dependencies: ["CFuzzer", "FuzzTargets"], path: "Tests/Fuzz", swiftSettings: strict),
    ]
}
