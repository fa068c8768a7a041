// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "offline",
    dependencies: [.package(name: "stagecoach", path: "../..")],
    targets: [
        .executableTarget(
            name: "Offline",
            dependencies: [
                .product(name: "Host", package: "stagecoach"), .product(name: "Stages", package: "stagecoach"),
            ]
        ),
        .testTarget(
            name: "OfflineTests",
            dependencies: [
                "Offline", .product(name: "Pipeline", package: "stagecoach"),
                .product(name: "PipelineTesting", package: "stagecoach"),
                .product(name: "Stages", package: "stagecoach"),
            ]
        ),
    ]
)
