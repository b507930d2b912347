package io.lazystate;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaMethodCall;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchCondition;
import com.tngtech.archunit.lang.ArchRule;
import com.tngtech.archunit.lang.ConditionEvents;
import com.tngtech.archunit.lang.SimpleConditionEvent;
import java.util.List;
import org.rocksdb.ReadOptions;

/** Keeps the packages in layers: each imports only packages below it in {@link #LAYERS}. */
@AnalyzeClasses(packages = "io.lazystate", importOptions = ImportOption.DoNotIncludeTests.class)
class LayeringTest {

    /** Top first. A package that does not exist yet breaks no rule. */
    private static final List<String> LAYERS =
            List.of(
                    "backend",
                    "checkpoint",
                    "snapshot",
                    "restore",
                    "tiers",
                    "prefetch",
                    "paging",
                    "loading",
                    "manifest",
                    "run",
                    "source",
                    "edge",
                    "store",
                    "metrics",
                    "error");

    private static final List<String> MAY_USE_ROCKSDB =
            List.of("backend", "snapshot", "restore", "paging", "run");

    @ArchTest
    static final ArchRule everyPackageHasItsLayer =
            classes()
                    .should()
                    .resideInAnyPackage(packages(LAYERS))
                    .because("a new package must be given its place in LAYERS");

    @ArchTest
    static final ArchRule noCycles =
            slices().matching("io.lazystate.(**)").should().beFreeOfCycles().allowEmptyShould(true);

    @ArchTest
    static final ArchRule rocksDbStaysBehindItsPackages =
            noClasses()
                    .that()
                    .resideOutsideOfPackages(packages(MAY_USE_ROCKSDB))
                    .should()
                    .dependOnClassesThat()
                    .resideInAPackage("org.rocksdb..")
                    .because("the other packages reach RocksDB through ports")
                    .allowEmptyShould(true);

    @ArchTest
    static final ArchRule theSdkOfS3StaysBehindTheStore =
            noClasses()
                    .that()
                    .resideOutsideOfPackage("io.lazystate.store..")
                    .should()
                    .dependOnClassesThat()
                    .resideInAnyPackage("software.amazon..", "org.apache.hc..")
                    .because("the other packages reach stores through RangedReader");

    @ArchTest
    static final ArchRule oneClassChangesTheStatesOfExtents =
            classes()
                    .that()
                    .haveFullyQualifiedName("io.lazystate.paging.ExtentMap")
                    .should(
                            new ArchCondition<>("be made by Extents alone") {
                                @Override
                                public void check(JavaClass map, ConditionEvents events) {
                                    for (JavaMethodCall call : map.getMethodCallsToSelf()) {
                                        boolean makes =
                                                call.getTarget().getRawReturnType().equals(map);
                                        String owner = call.getOriginOwner().getName();
                                        if (makes
                                                && call.getTarget().getOwner().equals(map)
                                                && !owner.equals("io.lazystate.paging.Extents")) {
                                            events.add(
                                                    SimpleConditionEvent.violated(
                                                            call, call.getDescription()));
                                        }
                                    }
                                }
                            })
                    .because("docs/design/0010-residency.md says who may take which step");

    @ArchTest
    static final ArchRule oneClassMakesReadOptions =
            noClasses()
                    .that()
                    .doNotHaveFullyQualifiedName("io.lazystate.paging.Reads")
                    .should()
                    .callConstructor(ReadOptions.class)
                    .orShould()
                    .callConstructor(ReadOptions.class, ReadOptions.class)
                    .orShould()
                    .callConstructor(ReadOptions.class, boolean.class, boolean.class)
                    .because("read options of others leave rows out, see Reads");

    @ArchTest
    static void importsGoDown(JavaClasses classes) {
        for (int i = 1; i < LAYERS.size(); i++) {
            noClasses()
                    .that()
                    .resideInAPackage("io.lazystate." + LAYERS.get(i) + "..")
                    .should()
                    .dependOnClassesThat()
                    .resideInAnyPackage(packages(LAYERS.subList(0, i)))
                    .allowEmptyShould(true)
                    .check(classes);
        }
    }

    private static String[] packages(List<String> layers) {
        return layers.stream().map(layer -> "io.lazystate." + layer + "..").toArray(String[]::new);
    }
}
