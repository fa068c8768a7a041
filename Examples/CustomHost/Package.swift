// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "custom-host",
    dependencies: [.package(name: "stagecoach", path: "../..")],
    targets: [
        .executableTarget(
            name: "CustomHost",
            dependencies: [
                .product(name: "Host", package: "stagecoach"), .product(name: "Pipeline", package: "stagecoach"),
            ]
        ),
        .testTarget(
            name: "CustomHostTests",
            dependencies: [
                "CustomHost", .product(name: "Host", package: "stagecoach"),
                .product(name: "Pipeline", package: "stagecoach"),
                .product(name: "PipelineTesting", package: "stagecoach"),
            ]
        ),
    ]
)
