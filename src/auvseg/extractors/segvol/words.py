"""Token numbers of CLIP's vocabulary for anatomical words, so that SegVol needs no tokenizer for its prompts.

CLIP's byte pair encoding (Radford et al., 2021) works word by word: lower case, letters together, digits and signs one
by one. So the numbers of a sentence are those of its words in a row, and the words that data sets use for structures
are enough. A word that is not here is refused, never guessed.
"""

import re

BEGIN, END = 49406, 49407
"""What CLIP puts before and after a sentence."""

TEMPLATE = "a computerized tomography of a {}."
"""The sentence that SegVol was trained with."""

_LISTED = """
-:268 .:269 0:271 1:272 2:273 3:274 4:275 5:276 6:277 7:278 8:279 9:280 a:320 abdomen:596,2164,576 abdominal:39328
abdominis:35335,533 adrenal:24204,566 air:1922 airway:1281,923 airways:14299 alveolar:526,673,562,625
amygdala:10547,70,42675 an:550 anal:514,566 and:537 aneurysm:5846,565,23842 ankle:14777 annulus:21698,7158
anterior:46508,2498 anus:27084 aorta:32044,1397 appendage:882,945,805 arch:8557 arteries:29449,963 artery:40062
atrial:13882,566 atrium:29725 auditory:12505,1985 autochthon:3917,540,8924 b:321 bifurcation:717,2395,21367
bile:25943 biliary:65,32585 bladder:33593 body:1774 bone:6195 bones:9476 bowel:36880 brachii:1195,1337,328
brachiocephalic:1195,1337,3509,745,835,322 brain:4812 brainstem:1195,27030 breast:9475 bridge:2465 bronchi:4011,4039
bronchia:4011,19147 bronchus:4011,36246 bulb:22373 c:322 canal:9535 cancer:3148 canine:27380 capsule:20627
carcinoma:46810 cardiac:21256 carotid:811,19567,323 carpal:811,3611 cartilage:811,6124,805 cartilages:811,6124,2321
caudate:1121,1524 cava:48682 cavity:43156 celiac:25567,2816 central:3339 cerebellum:3984,35493 cerebral:39073
cerebrospinal:3984,927,23925 cervix:1364,34811 chiasm:1337,13851 class:1874 clavicle:940,1555,579
clavicula:940,1555,9506 clinical:9148 cochlea:18599,13324 colon:29050 common:4176 compartment:40383
computerized:11639,704,7690 consolidation:41111 constrictor:616,2607,1208 coracobrachial:851,9463,1195,1337,566
cord:11181 core:5000 coronary:45955 cortex:40109 cortical:851,4342 costal:622,5535 covid:622,9284 cricoid:4328,14758
crown:6902 csf:66,4915 cusp:729,4393 cyst:1470,545 cysts:1470,1088 d:323 deep:3383 deltoid:1233,49124
digastric:570,49197,322 disc:10712 discs:29270 dorsi:2766,2990 duct:26829 duodenum:691,78,1177,1008 e:324 ear:8373
edema:29632,1226 effusion:1490,9364 embolism:908,12722,2764 enhancing:25986 erector:21526,1208
esophagus:957,38634,8018 external:15028 extremities:3978,76,1480 eye:3272 eyeball:5034,1069 f:325 face:1710
false:9078 fat:5484 fdi:45579 feet:4804 femoral:623,11246 femoris:623,657,533 femur:623,18293 fibula:701,18726
first:874 fluid:16717 foot:4738 fourth:7516 frontal:35794 g:326 gall:33374 gallbladder:3011,33593 gland:41441
glands:70,2961 gluteus:5952,600,718 gray:7048 grey:5046 gross:11541 h:327 haemorrhage:30723,43044,710 hand:2463
hard:1626 head:1375 heart:1936 hematoma:651,905,5358 hemorrhage:651,43044,710 hepatic:17724,2647 hip:6584
hippocampus:28398,4560 horn:9607 humerus:845,1316,718 hyoid:38960,1014 hypopharynx:10252,5570,2823,343 i:328
iliac:2076,2816 iliopsoas:2076,676,759,601 implant:33106 incisive:5747,1875 incisor:512,9459,541 infection:14774
inferior:16258,2498 infiltrate:28683,671 infraspinatus:7312,6288,14795 insular:8805,1652 intermuscular:1006,30606
internal:11285 intervertebral:1006,35158,31309 intestine:1598,7098 intracerebral:46195,17907,31309
ischemic:595,983,3816 j:329 jawbone:14804,6195 jugular:669,34969 junction:11320 k:330 kidney:14610
kidneys:3948,12616 knee:9897 l:331 lacrimal:4477,553,3796 large:3638 larynx:1592,2823,343 lateral:26646
latissimus:16357,834,8103 left:1823 lens:8666 lentiform:75,1938,1907 lesion:534,1015 lesions:534,4060
levator:17022,1962 ligament:48705 lingual:4851,1921 lip:8546 liver:12639 lobe:46325 lower:4909 lumborum:36231,42724
lumen:664,1656 lung:16271 lungs:27366 lymph:1251,5306 m:332 major:3350 mammary:4404,2676 mandible:38961,1059
mandibular:38961,32187 map:3923 mass:4854 masseter:41735,652 matter:3828 maxillary:4898,33667 maximus:44312
medial:1436,566 mediastinum:1436,1761,512,1008 medius:1436,718 meniscus:1552,595,2736 mesenteric:613,1057,704,1029
metacarpal:613,3145,516,3611 metastases:41973,3762 metastasis:41973,12398 metatarsal:613,2652,516,6126 middle:3694
minimus:1810,8103 minor:8522 molar:4246,625 muscle:9269 muscles:16786 myocardium:16206,811,2903 n:333 nasal:42853
nasopharynx:3090,676,915,2823,343 neck:6906 necrotic:557,1192,1550 nerve:18571 node:24871 nodes:40534
nodule:578,691,579 nodules:578,691,840 non:3353 nucleus:25693,718 o:334 oblique:11416,2319 occipital:1566,32884,1660
oesophagus:78,957,38634,8018 of:539 optic:24755 organ:13213 organs:29872 oropharynx:523,676,915,2823,343
outflow:1130,5608 ovaries:78,32543 ovary:6420,856 p:335 palate:34666 pallidum:28954,11564 palpebrae:1850,661,40040
pancreas:27708,601 pancreatic:49337 parietal:17961,25221 parotid:17429,23727 part:1551 patella:1300,2957
pectoralis:32447,937,20114 pellucidum:4286,8787,11564 pelvis:4286,5337 penile:1501,989 penis:1501,533
pericardial:703,37211,11381 pericardium:703,37211,2903 peripheral:43901 phalanges:19962,883,542
pharyngeal:5570,2823,619,566 pharynx:5570,2823,343 pituitary:79,1668,17604 planning:4446 plaque:16097
platysma:3172,88,11854 pleural:926,33948 portal:14982 postcava:3489,48682 posterior:22881,2498 premolar:679,4246,625
prevertebral:679,35158,31309 primaries:46126 process:4078 proper:8205 prostate:28808 psoas:27045,601
pterygoid:49323,46166,1014 pul:40512 pulmonary:39132 pulp:25410 putamen:755,2661,576 q:336 quadratus:11656,3806,718
quadriceps:11656,920,4090 r:337 radius:37570 rectum:1020,8843 rectus:1020,7079 renal:36096 rib:18298 ribs:17519
right:1155 s:338 sacrum:3632,11233 salivary:15411,18855 sarcoma:1808,19620 sartorius:1808,937,6740
scalene:10859,6049 scapula:35883,9506 scapulae:663,22166,572,324 second:2241 segment:15615 seminal:5595,566
septum:3212,8843 serratus:803,3806,718 sinotubular:1303,78,48786 sinus:47535 sinuses:1303,5282 skeletal:37369
skin:3575 skull:12092 small:2442 soft:3773 space:2138 spinae:6288,4542 spinal:23925 spine:19646 spleen:588,15940
splenic:18552,1029 start:1572 sterno:1022,871 sternocleidomastoid:1022,578,1321,1568,44603,928,1014
sternum:1022,30534 stomach:14722 stroke:10403 styloid:1421,31408 subarachnoid:605,1040,972,578,1014
subclavian:1783,940,16124 subcortical:1783,851,4342 subcutaneous:1783,729,22275 submandibular:1783,38961,32187
subscapularis:1783,35883,914,15227 sulcus:1767,2736 superior:13205 superioris:1642,7354,533
supraspinatus:605,1865,6288,14795 t:339 target:5400 tarsal:2002,6126 teeth:8225 temporal:43656 temporalis:4858,20114
tendon:48459 teres:600,934 test:1628 testicle:42364,579 testis:7738,533 thalamus:7967,36269 the:518 thigh:22877
third:3981 thoracic:4130,546,1029 thorax:4130,9203 thrombus:2101,76,2840 thyrohyoid:7804,14933,586,1014
thyroid:32558 tibia:555,3841 tissue:15368 tomography:999,22399 tongue:13626 tooth:12030 torso:937,706
trachea:752,39580 tract:4690 transition:11391 transversospinalis:1826,624,759,6288,20114 trapezius:42435,2651,718
triceps:635,2739,814 trigone:924,3601 truck:4629 true:2328 trunc:635,15322 trunk:18347 tumor:22616 tumour:45129
u:340 ulna:914,1272 upper:7067 urinary:565,11337 uterus:39197,718 v:341 vagina:13015,1366 vein:29169 veins:28867
vena:47442 venous:1240,879 ventricle:1240,9511,579 ventricles:1240,9511,840 ventricular:1240,9511,4927
vertebra:35158,5860 vertebrae:35158,40040 vesicle:673,8278,579 vesicles:673,8278,840 vessel:16387 vessels:22822
volume:8284 w:342 wall:2569 white:1579 whole:2954 wrist:16139 x:343 y:344 z:345 zone:4442 zygomatic:6615,7051,2647
"""

_WORDS: dict[str, tuple[int, ...]] = {}
for _entry in _LISTED.split():
    _word, _, _numbers = _entry.rpartition(":")
    _WORDS[_word] = tuple(int(number) for number in _numbers.split(","))

_PARTS = re.compile(r"[^\W\d_]+|\d|[^\w\s]")


def spoken(name: str) -> str:
    """A class name as one would say it: `KidneyLeft`, `kidney_left` and `Kidney (left)` are "kidney left"."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return " ".join(re.findall(r"[^\W_]+", spaced.casefold()))


def unknown_words(name: str) -> tuple[str, ...]:
    """The words of a name that are not in the table, in their order."""
    return tuple(part for part in _PARTS.findall(spoken(name)) if part not in _WORDS)


def tokens(name: str) -> tuple[int, ...]:
    """The token numbers of SegVol's sentence about a structure.

    Raises:
        KeyError: a word is unknown.
    """
    sentence = _PARTS.findall(TEMPLATE.format(spoken(name)))
    return (BEGIN, *(number for part in sentence for number in _WORDS[part]), END)
