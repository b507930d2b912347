#!/usr/bin/env bash
# Builds what the demo needs and runs it; ./demo.sh --help tells its options.
# Environment: DEMO_HEAP (default 2g), DEMO_BUILD=no to run what was built before, MAVEN_ARGS (e.g. -o).
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
examples=$here/examples
log=$examples/target/demo.log
build_log=$examples/target/demo-build.log

if [[ ${DEMO_BUILD:-yes} != no ]]; then
    echo "Building (the first time Maven downloads what it needs) ..." >&2
    mkdir -p "$examples/target"
    # shellcheck disable=SC2086 # MAVEN_ARGS may hold several.
    if ! mvn -B -q -ntp ${MAVEN_ARGS:-} -f "$here/pom.xml" -pl examples -am \
        -Dmaven.test.skip=true package >"$build_log" 2>&1; then
        cat "$build_log" >&2
        echo "demo: the build failed; its messages are above and in $build_log" >&2
        exit 3
    fi
fi

# The opens are those of Flink's own default configuration that its serializers use.
status=0
java "-Xmx${DEMO_HEAP:-2g}" \
    --add-opens=java.base/java.util=ALL-UNNAMED \
    --add-opens=java.base/java.lang=ALL-UNNAMED \
    -Dlog4j2.configurationFile=log4j2-demo.properties \
    "-Ddemo.log=$log" \
    -cp "$examples/target/classes:$examples/target/lib/*" \
    io.lazystate.examples.demo.Demo "$@" || status=$?
if ((status != 0 && status != 2)); then
    echo "demo: exit status $status; details are in $log" >&2
fi
exit "$status"
