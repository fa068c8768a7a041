/// The files of a package that is a host with a stage or resource of its own.
struct HostTemplate<Part: NewPart> {
    let part: Part
    let dependency: StagecoachDependency

    private var name: PartName { part.name }

    /// The files, in a folder named after it.
    var files: NewFiles {
        let folder = name.ofPackage
        var files = NewFiles()
        files.add("\(folder)/Package.swift", manifest)
        if let versions = dependency.versions { files.add("\(folder)/Package.resolved", versions) }
        files.add("\(folder)/Sources/\(name.host)/\(name.type).swift", part.source)
        files.add("\(folder)/Sources/\(name.host)/\(name.host).swift", host)
        files.add("\(folder)/Tests/\(name.host)Tests/\(name.type)Tests.swift", part.test(in: name.host))
        files.add("\(folder)/\(name.ofPackage).yaml", part.pipeline)
        files.add("\(folder)/README.md", readme)
        files.add("\(folder)/.gitignore", ".build/\ndata/\n.env")
        return files
    }

    private var manifest: String {
        """
        // swift-tools-version: 6.2
        import PackageDescription

        let package = Package(
            name: "\(name.ofPackage)",
            dependencies: [\(dependency.declaration)],
            targets: [
                .executableTarget(
                    name: "\(name.host)",
                    dependencies: [
                        .product(name: "Host", package: "\(dependency.package)"),
                        .product(name: "Pipeline", package: "\(dependency.package)"),
                    ],
                    // So that its tests see it in an optimised build; what it depends on need not be built for them.
                    swiftSettings: [.unsafeFlags(["-enable-testing"], .when(configuration: .release))]
                ),
                .testTarget(
                    name: "\(name.host)Tests",
                    dependencies: ["\(name.host)", .product(name: "PipelineTesting", package: "\(dependency.package)")]
                ),
            ]
        )
        """
    }

    private var host: String {
        """
        import Host

        /// Every command of `stagecoach`, with `\(name.inFiles)` beside the built-in \(part.noun)s.
        @main struct \(name.host): StagecoachHost {
            \(part.lists.map { $0.list.declaration(of: $0.type) }.joined(separator: "\n    "))
        }
        """
    }

    private var readme: String {
        """
        # \(name.type)

        A Stagecoach host with a \(part.noun) of its own, `\(name.inFiles)`.

        | file | what it is |
        | --- | --- |
        | `Sources/\(name.host)/\(name.type).swift` | the \(part.noun) |
        | `Sources/\(name.host)/\(name.host).swift` | the host: its list of \(part.noun)s |
        | `Tests/\(name.host)Tests/\(name.type)Tests.swift` | the \(part.noun)'s test |
        | `\(name.ofPackage).yaml` | a pipeline that uses it |

        ```sh
        \(dependency.swift("test"))
        \(dependency.swift("run")) \(name.host) stages \(name.inFiles)
        \(dependency.swift("run")) \(name.host) check \(name.ofPackage).yaml
        \(dependency.swift("run")) \(name.host) serve \(name.ofPackage).yaml
        ```

        The first tests the \(part.noun), the second prints its settings. Once the last one says `listening on`, open
        <http://127.0.0.1:8080>, or `curl -d '{"prompt": "hello"}' http://127.0.0.1:8080/ws`.
        \(dependency.scratchWords)
        Another stage, in this folder:

        ```sh
        \(dependency.swift("run")) \(name.host) new stage Whisper
        ```
        """
    }
}
